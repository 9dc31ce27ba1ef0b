// SPDX-License-Identifier: Apache-2.0
/* link: the gate on the interfaces. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "agent/cli/change.h"
#include "agent/cli/link.h"
#include "agent/cli/objects.h"
#include "agent/cli/record.h"
#include "agent/cli/text.h"

/* What a link was before a command, and is after it. A link that is not there is all zero. */
static int read_link(struct cli *cli, const char *device, struct gate_link_info *out)
{
	_cleanup_free_ struct gate_link_info *links = NULL;
	size_t count = 0;
	int rc = gate_links(&cli->options.gate, &links, &count, &cli->report);

	*out = (struct gate_link_info){.state = GATE_LINK_MISSING};
	for (size_t i = 0; !rc && i < count; i++)
		if (!strcmp(links[i].device, device))
			*out = links[i];
	return rc;
}

static bool is_same(const struct gate_link_info *a, const struct gate_link_info *b)
{
	return a->state == b->state && a->link_id == b->link_id && a->enforce == b->enforce &&
	       a->deadline == b->deadline && !strcmp(a->device, b->device);
}

/* One command on one link: what it is before, and the change that it is in. */
struct link_change {
	struct gate_change *change;
	const char *device;
	struct gate_link_info before;
	uint64_t generation;
};

static void link_change_end(struct link_change *link)
{
	gate_end(link->change);
}

static int link_change_begin(struct cli *cli, const struct args *args, struct link_change *link)
{
	int rc = gate_begin(&cli->options.gate, &link->change, &cli->report);

	link->device = args_text(args, "dev");
	if (rc)
		return rc;
	link->generation = gate_policy(link->change)->generation;
	return read_link(cli, link->device, &link->before);
}

/* The result: whether something changed, and what the link is now. */
static int link_result(struct cli *cli, const struct link_change *link, const char *message,
		       json_t **result)
{
	uint64_t generation = gate_policy(link->change)->generation;
	struct gate_link_info after;
	json_t *now = json_null();
	int rc = read_link(cli, link->device, &after);

	if (rc)
		return rc;
	if (after.device[0])
		now = link_json(&after);
	return cli_result(
		cli,
		json_pack("{s:b, s:I, s:o, s:o, s:o}", "changed",
			  generation != link->generation || !is_same(&link->before, &after),
			  "generation", (json_int_t)generation, "message", text_json(message),
			  "device", text_json(link->device), "link", now),
		result);
}

/* ", enforcing for 60s; ..." */
static void describe_policy(const char *device, bool enforce, uint64_t confirm, char *out,
			    size_t size)
{
	char duration[RECORD_TIME_LEN];

	if (!enforce)
		snprintf(out, size, "auditing: it drops nothing and counts what it would drop");
	else if (!confirm)
		snprintf(out, size, "enforcing");
	else
		snprintf(out, size,
			 "enforcing for %s, then only auditing unless `apimgate link confirm dev "
			 "%s`",
			 record_duration(confirm, duration), device);
}

static uint32_t confirm_seconds(const struct args *args)
{
	const struct arg *confirm = args_get(args, "confirm");

	return confirm ? (uint32_t)confirm->number : 0;
}

static int link_attach_run(struct cli *cli, const struct args *args, json_t **result)
{
	static const enum policy_link_mode modes[] = {POLICY_MODE_AUTO, POLICY_MODE_NATIVE,
						      POLICY_MODE_GENERIC};
	_cleanup_(link_change_end) struct link_change link = {0};
	const struct arg *mode = args_get(args, "mode");
	struct gate_attach attach = {
		.device = args_text(args, "dev"),
		.mode = mode ? modes[mode->number] : POLICY_MODE_AUTO,
		.enforce = !args_has(args, "audit"),
		.confirm = confirm_seconds(args),
		.force = args_has(args, "force"),
	};
	struct gate_attached attached = {0};
	char policy[128], message[256];
	int rc;

	if (!attach.enforce && attach.confirm)
		return report_error(&cli->report, REPORT_USAGE, EINVAL,
				    "leave one of them out: a trial enforces",
				    "'audit' and 'confirm' exclude each other");
	rc = link_change_begin(cli, args, &link);
	if (!rc)
		rc = gate_attach(link.change, &attach, &attached, &cli->report);
	if (rc)
		return rc;
	if (attached.fallback[0])
		report_warn(&cli->report, "generic mode, which is slower: %s", attached.fallback);
	describe_policy(attach.device, attach.enforce, attach.confirm, policy, sizeof(policy));
	snprintf(message, sizeof(message), "%s %s in %s mode, %s",
		 attached.already ? "already attached to" : "attached to", attach.device,
		 attached.native ? "native" : "generic", policy);
	return link_result(cli, &link, message, result);
}

static int set_enforce(struct cli *cli, const struct args *args, bool enforce, uint32_t confirm,
		       json_t **result)
{
	_cleanup_(link_change_end) struct link_change link = {0};
	char policy[128], message[256];
	int rc = link_change_begin(cli, args, &link);

	if (!rc)
		rc = gate_set_enforce(link.change, link.device, enforce, confirm,
				      args_has(args, "force"), &cli->report);
	if (rc)
		return rc;
	describe_policy(link.device, enforce, confirm, policy, sizeof(policy));
	snprintf(message, sizeof(message), "%s is %s", link.device, policy);
	return link_result(cli, &link, message, result);
}

static int link_enforce(struct cli *cli, const struct args *args, json_t **result)
{
	return set_enforce(cli, args, true, confirm_seconds(args), result);
}

static int link_audit(struct cli *cli, const struct args *args, json_t **result)
{
	return set_enforce(cli, args, false, 0, result);
}

static int link_confirm(struct cli *cli, const struct args *args, json_t **result)
{
	_cleanup_(link_change_end) struct link_change link = {0};
	char message[256];
	int rc = link_change_begin(cli, args, &link);

	if (!rc)
		rc = gate_confirm(link.change, link.device, &cli->report);
	if (rc)
		return rc;
	snprintf(message, sizeof(message), "%s is enforcing for good", link.device);
	return link_result(cli, &link, message, result);
}

static int link_detach(struct cli *cli, const struct args *args, json_t **result)
{
	_cleanup_(link_change_end) struct link_change link = {0};
	char message[256];
	int rc = link_change_begin(cli, args, &link);

	if (!rc)
		rc = gate_detach(link.change, link.device, &cli->report);
	if (rc)
		return rc;
	snprintf(message, sizeof(message), "detached from %s: nothing is filtered there",
		 link.device);
	return link_result(cli, &link, message, result);
}

#define DEVICE_ARG                                                                            \
	{                                                                                     \
		.name = "dev", .shape = ARG_KEYWORD, .value = VALUE_DEVICE, .required = true, \
		.help = "the interface"                                                       \
	}

#define CONFIRM_ARG                                                                              \
	{                                                                                        \
		.name = "confirm", .shape = ARG_KEYWORD, .value = VALUE_SECONDS, .min = 1,       \
		.max = 7 * 86400,                                                                \
		.help = "on trial: after this time it only audits, unless `link confirm` comes " \
			"first. "                                                                \
			"A trial needs no process to end"                                        \
	}

static const char *const mode_choices[] = {"auto", "native", "generic", NULL};

static const struct arg_spec attach_args[] = {
	DEVICE_ARG,
	{.name = "mode",
	 .shape = ARG_KEYWORD,
	 .value = VALUE_CHOICE,
	 .choices = mode_choices,
	 .help = "native: in the driver, fast; generic: everywhere, slow; auto: native where it "
		 "can be had"},
	{.name = "audit", .shape = ARG_FLAG, .help = "drop nothing, count what would be dropped"},
	CONFIRM_ARG,
	{.name = "force", .shape = ARG_FLAG, .help = "also if it shuts out your own SSH session"},
};

static const struct arg_spec enforce_args[] = {
	DEVICE_ARG,
	CONFIRM_ARG,
	{.name = "force", .shape = ARG_FLAG, .help = "also if it shuts out your own SSH session"},
};

static const struct arg_spec device_args[] = {DEVICE_ARG};

static const struct command link_commands[] = {
	{.verb = "show",
	 .help = "list the interfaces that have the gate",
	 .flags = COMMAND_ROOT,
	 .run = link_show,
	 .view = &link_view},
	{.verb = "attach",
	 .help = "put the gate on an interface; on one that has it, set its policy",
	 .args = attach_args,
	 .arg_count = ARRAY_SIZE(attach_args),
	 .flags = COMMAND_ROOT,
	 .run = link_attach_run,
	 .show = change_show},
	{.verb = "enforce",
	 .help = "drop what is not allowed",
	 .args = enforce_args,
	 .arg_count = ARRAY_SIZE(enforce_args),
	 .flags = COMMAND_ROOT,
	 .run = link_enforce,
	 .show = change_show},
	{.verb = "audit",
	 .help = "drop nothing, count and sample what would be dropped",
	 .args = device_args,
	 .arg_count = ARRAY_SIZE(device_args),
	 .flags = COMMAND_ROOT,
	 .run = link_audit,
	 .show = change_show},
	{.verb = "confirm",
	 .help = "end a trial: enforce for good",
	 .args = device_args,
	 .arg_count = ARRAY_SIZE(device_args),
	 .flags = COMMAND_ROOT,
	 .run = link_confirm,
	 .show = change_show},
	{.verb = "detach",
	 .help = "take the gate off an interface: everything passes",
	 .args = device_args,
	 .arg_count = ARRAY_SIZE(device_args),
	 .flags = COMMAND_ROOT,
	 .run = link_detach,
	 .show = change_show},
};

const struct object object_link = {
	.name = "link",
	.help = "the gate on the interfaces",
	.commands = link_commands,
	.command_count = ARRAY_SIZE(link_commands),
};
