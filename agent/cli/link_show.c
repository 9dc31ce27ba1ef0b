// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "agent/cli/link.h"
#include "agent/cli/record.h"
#include "agent/cli/text.h"

static const char *state_name(enum gate_link_state state)
{
	switch (state) {
	case GATE_LINK_ATTACHED:
		return "attached";
	case GATE_LINK_STALE:
		return "stale";
	case GATE_LINK_MISSING:
		return "missing";
	}
	return "unknown";
}

/* Only a link that is attached does anything. */
static const char *policy_name(const struct gate_link_info *info)
{
	if (info->state != GATE_LINK_ATTACHED)
		return "none";
	return info->enforce && !info->expired ? "enforce" : "audit";
}

static const char *trial_name(const struct gate_link_info *info)
{
	if (info->state != GATE_LINK_ATTACHED || !info->enforce || !info->deadline)
		return NULL;
	return info->expired ? "over" : "running";
}

/* An interface index or an id, null where there is none. */
static json_t *id_json(uint32_t id)
{
	return id ? json_integer(id) : json_null();
}

json_t *link_json(const struct gate_link_info *info)
{
	const char *trial = trial_name(info), *mode = info->native ? "native" : "generic";
	json_t *left = json_null();

	if (trial && !info->expired)
		left = json_integer((json_int_t)record_remaining(info->deadline));
	if (info->state != GATE_LINK_ATTACHED)
		mode = NULL;
	return json_pack("{s:o, s:s, s:s, s:s?, s:s, s:s?, s:o, s:o, s:o, s:o, s:o, s:s?, s:b}",
			 "device", text_json(info->device), "state", state_name(info->state),
			 "policy", policy_name(info), "mode", mode, "asked_mode",
			 policy_mode_name(info->asked), "trial", trial, "trial_seconds_left", left,
			 "ifindex", id_json(info->ifindex), "attached_ifindex",
			 id_json(info->attached_to), "program_id", id_json(info->program_id),
			 "link_id", id_json(info->link_id), "tag", info->tag[0] ? info->tag : NULL,
			 "other_build", info->other_build);
}

/* What somebody has to do about it, told where it is seen. */
static void warn_about(const struct gate_link_info *info, struct report *report)
{
	if (info->state == GATE_LINK_STALE)
		report_warn(report,
			    "%s was removed or made anew since the gate was attached, and "
			    "is not filtered: `apimgate restore` attaches it again",
			    info->device);
	if (info->state == GATE_LINK_MISSING)
		report_warn(report,
			    "%s should have the gate, and has not: `apimgate restore` "
			    "attaches it",
			    info->device);
	if (info->state == GATE_LINK_ATTACHED && info->expired)
		report_warn(report,
			    "the trial on %s is over and it only audits: `apimgate link "
			    "enforce dev %s` enforces",
			    info->device, info->device);
	if (info->other_build)
		report_warn(report,
			    "%s runs the program of another apimgate: `apimgate restore` "
			    "upgrades it without a gap",
			    info->device);
}

int link_show(struct cli *cli, const struct args *args, json_t **result)
{
	_cleanup_free_ struct gate_link_info *links = NULL;
	size_t count = 0;
	json_t *array;
	int rc = gate_links(&cli->options.gate, &links, &count, &cli->report);

	(void)args;
	if (rc)
		return rc;
	array = json_array();
	for (size_t i = 0; i < count; i++) {
		json_array_append_new(array, link_json(&links[i]));
		warn_about(&links[i], &cli->report);
	}
	return cli_result(cli, json_pack("{s:o}", "links", array), result);
}

static char *format_trial(const json_t *row, const json_t *value)
{
	json_int_t left = json_integer_value(json_object_get(row, "trial_seconds_left"));
	char remaining[RECORD_TIME_LEN], *out = NULL;

	if (!json_is_string(value))
		return strdup("-");
	if (!left)
		return strdup("over");
	if (asprintf(&out, "%s left", record_duration((uint64_t)left, remaining)) < 0)
		return NULL;
	return out;
}

static const struct view_column columns[] = {
	{.title = "DEVICE", .key = "device"},
	{.title = "STATE", .key = "state"},
	{.title = "POLICY", .key = "policy"},
	{.title = "TRIAL", .key = "trial", .format = format_trial},
	{.title = "MODE", .key = "mode"},
	{.title = "PROGRAM", .key = "program_id", .right = true},
	{.title = "LINK", .key = "link_id", .right = true},
};

static const struct view_section sections[] = {
	{.key = "links",
	 .empty =
		 "no links: nothing is filtered; `apimgate link attach dev NAME` attaches the gate",
	 .columns = columns,
	 .column_count = ARRAY_SIZE(columns)},
};

const struct view link_view = {sections, ARRAY_SIZE(sections)};
