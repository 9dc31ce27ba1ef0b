// SPDX-License-Identifier: Apache-2.0
/* service: what is protected, and which sets may reach it. */
#include <errno.h>
#include <string.h>

#include "agent/cli/change.h"
#include "agent/cli/objects.h"
#include "agent/cli/record.h"
#include "agent/cli/render.h"

static json_t *ports_json(const struct policy_service *service)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < service->port_count; i++) {
		const struct policy_ports *ports = &service->ports[i];

		json_array_append_new(array,
				      ports->first == ports->last
					      ? json_sprintf("%u", ports->first)
					      : json_sprintf("%u-%u", ports->first, ports->last));
	}
	return array;
}

static json_t *service_json(const struct policy *policy, const struct policy_service *service)
{
	json_t *to = json_array(), *from = json_array();

	for (uint32_t i = 0; i < service->to_count; i++)
		json_array_append_new(to, record_prefix(&service->to[i]));
	for (size_t i = 0; i < GATE_MAX_SETS; i++)
		if (service->sets >> i & 1)
			json_array_append_new(from, json_string(policy->sets[i].name));
	return json_pack("{s:s, s:s, s:o, s:o, s:o}", "name", service->name, "proto",
			 policy_proto_name(service->proto), "ports", ports_json(service), "to", to,
			 "from", from);
}

static int service_show(struct cli *cli, const struct args *args, json_t **result)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	json_t *services;
	int rc = cli_read_policy(cli, &policy);

	(void)args;
	if (rc)
		return rc;
	services = json_array();
	for (size_t i = 0; i < GATE_MAX_SERVICES; i++)
		if (policy->services[i].name[0])
			json_array_append_new(services, service_json(policy, &policy->services[i]));
	return cli_result(cli, json_pack("{s:o}", "services", services), result);
}

/* The platform's set is named like any other, but it is implied and its bit never set. */
static int find_sets(const struct args *args, const struct policy *policy, uint64_t *sets,
		     struct report *report)
{
	const struct arg *from = args_get(args, "from");

	for (size_t i = 0; i < from->count; i++) {
		int set = policy_find_set(policy, from->names[i], report);

		if (set < 0)
			return set;
		if (set != GATE_SET_PLATFORM)
			*sets |= 1ULL << set;
	}
	return 0;
}

static void warn_empty(const struct policy *policy, uint64_t sets, const char *name,
		       struct report *report)
{
	for (size_t i = 0; i < policy->entry_count; i++)
		if (sets >> policy->entries[i].set & 1)
			return;
	report_warn(report,
		    "no set that '%s' admits holds a prefix: nobody but the platform "
		    "reaches it where a link enforces",
		    name);
}

static int service_add(struct cli *cli, const struct args *args, struct policy *policy,
		       json_t **result)
{
	static const enum policy_proto protos[] = {POLICY_TCP, POLICY_UDP, POLICY_ANY};
	const char *name = args_text(args, "name");
	const struct arg *ports = args_get(args, "port"), *to = args_get(args, "to");
	struct policy_service service = {.proto = protos[args_get(args, "proto")->number]};
	int rc = find_sets(args, policy, &service.sets, &cli->report);

	if (rc)
		return rc;
	snprintf(service.name, sizeof(service.name), "%s", name);
	if (ports) {
		memcpy(service.ports, ports->ports, ports->count * sizeof(*ports->ports));
		service.port_count = (uint32_t)ports->count;
	}
	if (to) {
		service.to = to->prefixes;
		service.to_count = (uint32_t)to->count;
	}
	rc = policy_add_service(policy, &service, &cli->report);
	if (rc < 0)
		return rc;
	warn_empty(policy, service.sets, name, &cli->report);
	rc = cli_result(cli, json_pack("{s:s}", "service", name), result);
	return rc ? rc
		  : cli_set_text(*result, "message", "added the service %s, reached from %s", name,
				 args_text(args, "from"));
}

static int service_delete(struct cli *cli, const struct args *args, struct policy *policy,
			  json_t **result)
{
	const char *name = args_text(args, "service");
	int rc = policy_delete_service(policy, name, &cli->report);

	if (rc < 0)
		return rc;
	rc = cli_result(cli, json_pack("{s:s}", "service", name), result);
	return rc ? rc
		  : cli_set_text(*result, "message",
				 "deleted the service %s; what no other one covers falls to the "
				 "default, %s",
				 name, policy->default_drop ? "drop" : "pass");
}

static const struct view_column columns[] = {
	{.title = "SERVICE", .key = "name", .shrinks = true},
	{.title = "PROTO", .key = "proto"},
	{.title = "PORTS", .key = "ports", .shrinks = true, .format = render_all},
	{.title = "TO", .key = "to", .shrinks = true, .format = render_all},
	{.title = "FROM", .key = "from", .shrinks = true},
};

static const struct view_section sections[] = {
	{.key = "services",
	 .empty = "no services: nothing is protected; `apimgate service add` adds one",
	 .columns = columns,
	 .column_count = ARRAY_SIZE(columns)},
};

static const struct view service_view = {sections, ARRAY_SIZE(sections)};

static const char *const proto_choices[] = {"tcp", "udp", "any", NULL};

static const struct arg_spec add_args[] = {
	{.name = "name",
	 .value = VALUE_NAME,
	 .required = true,
	 .help = "the name of the new service"},
	{.name = "proto",
	 .shape = ARG_KEYWORD,
	 .value = VALUE_CHOICE,
	 .choices = proto_choices,
	 .required = true,
	 .help = "its protocol; any: also those that are neither TCP nor UDP"},
	{.name = "port",
	 .shape = ARG_KEYWORD,
	 .value = VALUE_PORTS,
	 .help = "its destination ports, 443 or 443,8443-8450; all if not given"},
	{.name = "to",
	 .shape = ARG_KEYWORD,
	 .value = VALUE_PREFIXES,
	 .help = "only to these destinations; all if not given"},
	{.name = "from",
	 .shape = ARG_KEYWORD,
	 .value = VALUE_SETS,
	 .required = true,
	 .help = "the sets that may reach it; azure-platform always may"},
	{.name = "force", .shape = ARG_FLAG, .help = "also if it shuts out your own SSH session"},
};

static const struct arg_spec delete_args[] = {
	{.name = "service", .value = VALUE_SERVICE, .required = true, .help = "the service"},
	{.name = "force",
	 .shape = ARG_FLAG,
	 .help = "also if that shuts out your own SSH session (default drop)"},
};

static const struct command service_commands[] = {
	{.verb = "show",
	 .help = "list the services",
	 .flags = COMMAND_ROOT,
	 .run = service_show,
	 .view = &service_view},
	{.verb = "add",
	 .help = "protect something: only the named sets may reach it",
	 .args = add_args,
	 .arg_count = ARRAY_SIZE(add_args),
	 .flags = COMMAND_ROOT,
	 .edit = service_add},
	{.verb = "delete",
	 .help = "protect it no more; then the default decides",
	 .args = delete_args,
	 .arg_count = ARRAY_SIZE(delete_args),
	 .flags = COMMAND_ROOT,
	 .edit = service_delete},
};

const struct object object_service = {
	.name = "service",
	.help = "what is protected, and which sets may reach it",
	.commands = service_commands,
	.command_count = ARRAY_SIZE(service_commands),
};
