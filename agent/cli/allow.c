// SPDX-License-Identifier: Apache-2.0
/* allow: the prefixes of the sets. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "agent/cli/allow.h"
#include "agent/cli/change.h"
#include "agent/cli/list.h"
#include "agent/cli/objects.h"
#include "agent/cli/record.h"
#include "agent/gate/guard.h"

static int no_set(const char *why, const char *hint, struct report *report)
{
	return report_error(report, REPORT_USAGE, EINVAL, hint, "%s", why);
}

/* The set that an entry goes to if none is named: the only one of the CLI's own. */
static int only_set(const struct policy *policy, struct report *report)
{
	int found = -1;

	for (int i = 0; i < GATE_MAX_SETS; i++) {
		const struct policy_set *set = &policy->sets[i];

		if (i == GATE_SET_PLATFORM || !set->name[0])
			continue;
		if (strcmp(set->owner, POLICY_OWNER_STATIC) != 0)
			continue;
		if (found >= 0)
			return no_set("which set? there are several",
				      "add `set NAME`; `apimgate set show` lists them", report);
		found = i;
	}
	if (found < 0)
		return no_set("there is no set yet that could hold the prefix",
			      "make one with `apimgate set add NAME`, then add it with `set NAME`",
			      report);
	return found;
}

static int named_set(const struct args *args, const struct policy *policy, struct report *report)
{
	const char *name = args_text(args, "set");

	return name ? policy_find_set(policy, name, report) : only_set(policy, report);
}

static bool is_same_text(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}

/* What an entry would be, and whether it is that already. */
struct wanted {
	struct prefix prefix;
	const char *comment;
	uint64_t expires;
};

static int add_entry(struct cli *cli, struct policy *policy, uint8_t set,
		     const struct wanted *wanted, const char **what)
{
	const struct policy_entry *before = policy_find_entry(policy, set, &wanted->prefix);
	bool is_same = before && before->expires == wanted->expires &&
		       is_same_text(before->comment, wanted->comment);

	*what = is_same ? "unchanged" : before ? "updated" : "added";
	return policy_add_entry(policy, set, &wanted->prefix, wanted->comment, wanted->expires,
				NULL, &cli->report);
}

static int allow_add(struct cli *cli, const struct args *args, struct policy *policy,
		     json_t **result)
{
	const struct arg *expires = args_get(args, "expires");
	struct wanted wanted = {
		.prefix = args_get(args, "prefix")->prefix,
		.comment = args_text(args, "comment"),
		.expires = expires ? (uint64_t)time(NULL) + expires->number : 0,
	};
	int rc, set = named_set(args, policy, &cli->report);
	bool force = args_has(args, "force");
	char text[PREFIX_TEXT_LEN];
	const char *what = "";

	if (set < 0)
		return set;
	rc = change_check_owner(&policy->sets[set], force, &cli->report);
	if (!rc && !force)
		rc = guard_prefix(&wanted.prefix, &cli->report);
	if (!rc)
		rc = add_entry(cli, policy, (uint8_t)set, &wanted, &what);
	if (rc < 0)
		return rc;
	rc = cli_result(cli,
			json_pack("{s:s, s:o, s:s, s:o}", "set", policy->sets[set].name, "prefix",
				  record_prefix(&wanted.prefix), "entry", what, "expires",
				  record_moment(wanted.expires)),
			result);
	return rc ? rc
		  : cli_set_text(*result, "message", "%s %s %s %s", what,
				 prefix_format(&wanted.prefix, text), *what == 'a' ? "to" : "in",
				 policy->sets[set].name);
}

/* The sets that hold the prefix, or the one that is named; those with a source need force. */
static int holding_sets(struct cli *cli, const struct args *args, const struct policy *policy,
			int only, json_t *names)
{
	const struct prefix *prefix = &args_get(args, "prefix")->prefix;
	bool force = args_has(args, "force");

	for (int i = 0; i < GATE_MAX_SETS; i++) {
		int rc;

		if (!policy->sets[i].name[0] || (only >= 0 && i != only))
			continue;
		if (!policy_find_entry(policy, (uint8_t)i, prefix))
			continue;
		rc = change_check_owner(&policy->sets[i], force, &cli->report);
		if (rc)
			return rc;
		json_array_append_new(names, json_string(policy->sets[i].name));
	}
	return 0;
}

static int allow_delete(struct cli *cli, const struct args *args, struct policy *policy,
			json_t **result)
{
	const struct prefix *prefix = &args_get(args, "prefix")->prefix;
	const char *name = args_text(args, "set");
	_cleanup_free_ char *list = NULL;
	json_t *sets = json_array();
	char text[PREFIX_TEXT_LEN];
	int rc = 0, set = name ? policy_find_set(policy, name, &cli->report) : -1;
	size_t deleted = 0;

	if (name && set < 0)
		rc = set;
	if (!rc)
		rc = holding_sets(cli, args, policy, set, sets);
	if (!rc)
		rc = policy_delete_entry(policy, set, prefix, &deleted, &cli->report);
	if (rc < 0) {
		json_decref(sets);
		return rc;
	}
	list = render_value(sets);
	rc = cli_result(cli, json_pack("{s:o, s:o}", "prefix", record_prefix(prefix), "sets", sets),
			result);
	return rc ? rc
		  : cli_set_text(*result, "message", "deleted %s from %s",
				 prefix_format(prefix, text), list ? list : "");
}

static json_t *change_json(const char *set, const struct policy_change *change)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:I}", "set", set, "before",
			 (json_int_t)change->before, "after", (json_int_t)change->after, "added",
			 (json_int_t)change->added, "removed", (json_int_t)change->removed);
}

static int load_list(struct cli *cli, const char *file, bool force, struct list *list)
{
	int rc;

	if (cli->in_batch && !strcmp(file, "-"))
		return report_error(&cli->report, REPORT_USAGE, EINVAL, "name a file",
				    "standard input cannot be a list within a batch");
	rc = list_read(file, list, &cli->report);
	return rc || force ? rc : list_guard(file, list, &cli->report);
}

static int allow_load(struct cli *cli, const struct args *args, struct policy *policy,
		      json_t **result)
{
	_cleanup_(list_clear) struct list list = {0};
	const char *file = args_text(args, "file");
	bool force = args_has(args, "force");
	int rc, set = policy_find_set(policy, args_text(args, "set"), &cli->report);
	struct policy_change change = {0};
	const char *name;

	if (set < 0)
		return set;
	name = policy->sets[set].name;
	rc = change_check_owner(&policy->sets[set], force, &cli->report);
	if (!rc)
		rc = load_list(cli, file, force, &list);
	if (!rc)
		rc = policy_replace_entries(policy, (uint8_t)set, list.prefixes, list.count,
					    &change, &cli->report);
	if (!rc && !force)
		rc = guard_shrink(name, change.before, change.after, &cli->report);
	if (rc < 0)
		return rc;
	rc = cli_result(cli, change_json(name, &change), result);
	return rc ? rc
		  : cli_set_text(*result, "message",
				 "loaded %s: %zu before, %zu after, %zu added, %zu removed", name,
				 change.before, change.after, change.added, change.removed);
}

static const struct arg_spec show_args[] = {
	{.name = "set", .shape = ARG_KEYWORD, .value = VALUE_SET, .help = "only of this set"},
	{.name = "prefix",
	 .shape = ARG_KEYWORD,
	 .value = VALUE_PREFIX,
	 .help = "only what covers this prefix or address, or lies within it"},
};

static const struct arg_spec add_args[] = {
	{.name = "prefix",
	 .value = VALUE_PREFIX,
	 .required = true,
	 .help = "20.1.2.0/24, 2001:db8::/32, or one address"},
	{.name = "set",
	 .shape = ARG_KEYWORD,
	 .value = VALUE_SET,
	 .help = "the set; may be left out where there is only one besides azure-platform"},
	{.name = "comment",
	 .shape = ARG_KEYWORD,
	 .value = VALUE_TEXT,
	 .help = "why it is there; adding it again without removes the comment"},
	{.name = "expires",
	 .shape = ARG_KEYWORD,
	 .value = VALUE_DURATION,
	 .min = 1,
	 .max = 10 * 366 * 86400ULL,
	 .help = "after this time (90s, 10m, 2h, 7d) it lets nobody in any more"},
	{.name = "force",
	 .shape = ARG_FLAG,
	 .help = "also if the prefix is very wide, or a source fills the set"},
};

static const struct arg_spec delete_args[] = {
	{.name = "prefix",
	 .value = VALUE_PREFIX,
	 .required = true,
	 .help = "exactly as it is listed"},
	{.name = "set",
	 .shape = ARG_KEYWORD,
	 .value = VALUE_SET,
	 .help = "from this set only; else from every set that holds it"},
	{.name = "force",
	 .shape = ARG_FLAG,
	 .help = "also if a set that a service admits gets empty"},
};

static const struct arg_spec load_args[] = {
	{.name = "file",
	 .shape = ARG_KEYWORD,
	 .value = VALUE_FILE,
	 .required = true,
	 .help = "one prefix a line, '#' begins a comment; - is standard input"},
	{.name = "set",
	 .shape = ARG_KEYWORD,
	 .value = VALUE_SET,
	 .required = true,
	 .help = "the set"},
	{.name = "force",
	 .shape = ARG_FLAG,
	 .help = "also if the list is empty, much smaller, or very wide"},
};

static const struct command allow_commands[] = {
	{.verb = "show",
	 .help = "list the prefixes with their hits in packets; a hit counts for the longest "
		 "prefix that covers the source",
	 .args = show_args,
	 .arg_count = ARRAY_SIZE(show_args),
	 .flags = COMMAND_ROOT,
	 .run = allow_show,
	 .view = &allow_view},
	{.verb = "add",
	 .help = "add a prefix, or set comment and expiry of one that is there",
	 .args = add_args,
	 .arg_count = ARRAY_SIZE(add_args),
	 .flags = COMMAND_ROOT,
	 .edit = allow_add},
	{.verb = "delete",
	 .help = "delete a prefix",
	 .args = delete_args,
	 .arg_count = ARRAY_SIZE(delete_args),
	 .flags = COMMAND_ROOT,
	 .edit = allow_delete},
	{.verb = "load",
	 .help = "replace all prefixes of a set in one step; those that stay keep comment, expiry "
		 "and hits. One bad line, and nothing changes",
	 .args = load_args,
	 .arg_count = ARRAY_SIZE(load_args),
	 .flags = COMMAND_ROOT,
	 .edit = allow_load},
};

const struct object object_allow = {
	.name = "allow",
	.help = "the prefixes of the sets: who is let in",
	.commands = allow_commands,
	.command_count = ARRAY_SIZE(allow_commands),
};
