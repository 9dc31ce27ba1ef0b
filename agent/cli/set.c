// SPDX-License-Identifier: Apache-2.0
/* set: the named groups of prefixes. */
#include <errno.h>
#include <string.h>

#include "agent/cli/change.h"
#include "agent/cli/objects.h"
#include "agent/cli/record.h"
#include "agent/cli/render.h"
#include "agent/gate/policy.h"

/* The services that a set may reach; the platform's may reach all of them. */
static json_t *services_json(const struct policy *policy, size_t set)
{
	json_t *array = json_array();

	for (size_t i = 0; i < GATE_MAX_SERVICES; i++) {
		const struct policy_service *service = &policy->services[i];

		if (!service->name[0])
			continue;
		if (set == GATE_SET_PLATFORM || service->sets >> set & 1)
			json_array_append_new(array, json_string(service->name));
	}
	return array;
}

static int set_show(struct cli *cli, const struct args *args, json_t **result)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	const char *name = args_text(args, "set");
	json_t *sets = json_array();
	struct change_counts counts;
	int only = -1, rc = cli_read_policy(cli, &policy);

	if (!rc && name)
		rc = only = policy_find_set(policy, name, &cli->report);
	if (rc < 0) {
		json_decref(sets);
		return rc;
	}
	change_count(policy, &counts);
	for (size_t i = 0; i < GATE_MAX_SETS; i++) {
		if (!policy->sets[i].name[0] || (only >= 0 && i != (size_t)only))
			continue;
		json_array_append_new(sets, json_pack("{s:s, s:s, s:I, s:o}", "name",
						      policy->sets[i].name, "owner",
						      policy->sets[i].owner, "prefixes",
						      (json_int_t)counts.of[i], "services",
						      services_json(policy, i)));
	}
	return cli_result(cli, json_pack("{s:o}", "sets", sets), result);
}

static int set_add(struct cli *cli, const struct args *args, struct policy *policy, json_t **result)
{
	const char *name = args_text(args, "name");
	int rc = policy_add_set(policy, name, POLICY_OWNER_STATIC, &cli->report);

	if (rc < 0)
		return rc;
	rc = cli_result(cli, json_pack("{s:s}", "set", name), result);
	return rc ? rc : cli_set_text(*result, "message", "added the empty set %s", name);
}

static int set_delete(struct cli *cli, const struct args *args, struct policy *policy,
		      json_t **result)
{
	const char *name = args_text(args, "set");
	int rc, set = policy_find_set(policy, name, &cli->report);
	char count[RECORD_COUNT_LEN];
	size_t entries;

	if (set < 0)
		return set;
	rc = change_check_owner(&policy->sets[set], args_has(args, "force"), &cli->report);
	if (rc)
		return rc;
	entries = policy_count_entries(policy, (uint8_t)set);
	rc = policy_delete_set(policy, name, &cli->report);
	if (rc)
		return rc;
	rc = cli_result(cli, json_pack("{s:s, s:I}", "set", name, "removed", (json_int_t)entries),
			result);
	if (!rc && !entries)
		rc = cli_set_text(*result, "message", "deleted the empty set %s", name);
	else if (!rc)
		rc = cli_set_text(*result, "message", "deleted the set %s with its %s", name,
				  record_count(entries, "prefix", count));
	return rc;
}

static const struct view_column set_columns[] = {
	{.title = "SET", .key = "name"},
	{.title = "OWNER", .key = "owner", .shrinks = true},
	{.title = "PREFIXES", .key = "prefixes", .right = true},
	{.title = "MAY REACH", .key = "services", .shrinks = true},
};

static const struct view_section set_sections[] = {
	{.key = "sets", .columns = set_columns, .column_count = ARRAY_SIZE(set_columns)},
};

static const struct view set_view = {set_sections, ARRAY_SIZE(set_sections)};

static const struct arg_spec show_args[] = {
	{.name = "set", .value = VALUE_SET, .metavar = "NAME", .help = "only this one"},
};

static const struct arg_spec add_args[] = {
	{.name = "name", .value = VALUE_NAME, .required = true, .help = "the name of the new set"},
};

static const struct arg_spec delete_args[] = {
	{.name = "set", .value = VALUE_SET, .metavar = "NAME", .required = true, .help = "the set"},
	{.name = "force", .shape = ARG_FLAG, .help = "also if a source of the agent fills it"},
};

static const struct command set_commands[] = {
	{.verb = "show",
	 .help = "list the sets, how many prefixes they hold, and what they may reach",
	 .args = show_args,
	 .arg_count = ARRAY_SIZE(show_args),
	 .flags = COMMAND_ROOT,
	 .run = set_show,
	 .view = &set_view},
	{.verb = "add",
	 .help = "make an empty set",
	 .args = add_args,
	 .arg_count = ARRAY_SIZE(add_args),
	 .flags = COMMAND_ROOT,
	 .edit = set_add},
	{.verb = "delete",
	 .help = "delete a set with its prefixes; refused while a service admits it",
	 .args = delete_args,
	 .arg_count = ARRAY_SIZE(delete_args),
	 .flags = COMMAND_ROOT,
	 .edit = set_delete},
};

const struct object object_set = {
	.name = "set",
	.help = "named groups of prefixes",
	.commands = set_commands,
	.command_count = ARRAY_SIZE(set_commands),
};
