// SPDX-License-Identifier: Apache-2.0
/* default: what happens to traffic that is to no service. */
#include "agent/cli/change.h"
#include "agent/cli/objects.h"
#include "agent/cli/render.h"

static const char *verdict_name(bool is_drop)
{
	return is_drop ? "drop" : "pass";
}

static int default_show(struct cli *cli, const struct args *args, json_t **result)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	int rc = cli_read_policy(cli, &policy);

	(void)args;
	if (rc)
		return rc;
	return cli_result(cli,
			  json_pack("{s:s, s:s}", "default", verdict_name(policy->default_drop),
				    "non_ip", verdict_name(policy->non_ip_drop)),
			  result);
}

static int default_set(struct cli *cli, const struct args *args, struct policy *policy,
		       json_t **result)
{
	const struct arg *non_ip = args_get(args, "non-ip");
	int rc;

	policy->default_drop = args_get(args, "default")->number;
	if (non_ip)
		policy->non_ip_drop = non_ip->number;
	rc = cli_result(cli,
			json_pack("{s:s, s:s}", "default", verdict_name(policy->default_drop),
				  "non_ip", verdict_name(policy->non_ip_drop)),
			result);
	return rc ? rc
		  : cli_set_text(*result, "message", "the default is %s, non-ip %s",
				 verdict_name(policy->default_drop),
				 verdict_name(policy->non_ip_drop));
}

static const struct view_column columns[] = {
	{.title = "default", .key = "default"},
	{.title = "non-ip", .key = "non_ip"},
};

static const struct view_section sections[] = {
	{.columns = columns, .column_count = ARRAY_SIZE(columns)},
};

static const struct view default_view = {sections, ARRAY_SIZE(sections)};

/* In this order, the index is "does it drop?". */
static const char *const verdict_choices[] = {"pass", "drop", NULL};

static const struct arg_spec set_args[] = {
	{.name = "default",
	 .value = VALUE_CHOICE,
	 .choices = verdict_choices,
	 .required = true,
	 .help = "for traffic that no service covers; with drop, replies to this host's own "
		 "connections still pass"},
	{.name = "non-ip",
	 .shape = ARG_KEYWORD,
	 .value = VALUE_CHOICE,
	 .choices = verdict_choices,
	 .help = "for frames that are neither IPv4, IPv6 nor ARP"},
	{.name = "force", .shape = ARG_FLAG, .help = "also if nobody could reach SSH any more"},
};

static const struct command default_commands[] = {
	{.verb = "show",
	 .help = "show the default",
	 .flags = COMMAND_ROOT,
	 .run = default_show,
	 .view = &default_view},
	{.verb = "set",
	 .help = "set the default",
	 .args = set_args,
	 .arg_count = ARRAY_SIZE(set_args),
	 .flags = COMMAND_ROOT,
	 .edit = default_set},
};

const struct object object_default = {
	.name = "default",
	.help = "what happens to traffic that is to no service",
	.commands = default_commands,
	.command_count = ARRAY_SIZE(default_commands),
};
