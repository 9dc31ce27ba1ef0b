// SPDX-License-Identifier: Apache-2.0
/* check: asks the loaded program what it does with a packet, and why. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "agent/cli/cli.h"
#include "agent/cli/objects.h"
#include "agent/cli/record.h"
#include "agent/cli/render.h"
#include "agent/cli/text.h"
#include "agent/gate/counters.h"
#include "agent/gate/probe.h"

/* Where a client's port would be, if nobody says another one. */
#define DEFAULT_SPORT 50000

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP;
}

static int make_question(struct cli *cli, const struct args *args, struct probe_question *out)
{
	const struct arg *src = args_get(args, "src"), *dst = args_get(args, "dst");
	const struct arg *sport = args_get(args, "sport"), *dport = args_get(args, "dport");

	if (src->prefix.family != dst->prefix.family)
		return report_error(&cli->report, REPORT_USAGE, EINVAL, NULL,
				    "one address is IPv4 and the other is IPv6");
	*out = (struct probe_question){
		.device = args_text(args, "dev"),
		.family = src->prefix.family,
		.proto = (uint8_t)args_get(args, "proto")->number,
		.sport = sport ? (uint16_t)sport->number : DEFAULT_SPORT,
		.dport = dport ? (uint16_t)dport->number : 0,
	};
	memcpy(out->source, src->prefix.address, sizeof(out->source));
	memcpy(out->destination, dst->prefix.address, sizeof(out->destination));
	if (has_ports(out->proto) && !dport)
		return report_error(&cli->report, REPORT_USAGE, EINVAL, "add `dport PORT`",
				    "check: 'dport PORT' is missing");
	if (!has_ports(out->proto) && (sport || dport))
		return report_error(&cli->report, REPORT_USAGE, EINVAL, "leave the ports out",
				    "only tcp and udp have ports");
	return 0;
}

/* A name, null where it is empty. */
static json_t *name_json(const char *name)
{
	return text_json(name[0] ? name : NULL);
}

static int check_run(struct cli *cli, const struct args *args, json_t **result)
{
	struct probe_question question;
	struct probe_answer answer = {0};
	int rc = make_question(cli, args, &question);

	if (!rc)
		rc = probe_ask(&cli->options.gate, &question, &answer, &cli->report);
	if (rc)
		return rc;
	if (!answer.device[0])
		report_warn(&cli->report, "no link is attached: this is what one would do if it "
					  "enforced");
	return cli_result(
		cli,
		json_pack("{s:s, s:b, s:s, s:s, s:o, s:o, s:o, s:o, s:I}", "verdict",
			  answer.verdict == GATE_VERDICT_DROP ? "drop" : "pass", "would_drop",
			  answer.would_drop, "reason", counters_reason_name(answer.reason),
			  "reason_text", counters_reason_text(answer.reason), "service",
			  name_json(answer.service), "set", name_json(answer.set), "prefix",
			  answer.has_prefix ? record_prefix(&answer.prefix) : json_null(), "device",
			  name_json(answer.device), "generation", (json_int_t)answer.generation),
		result);
}

static char *format_verdict(const json_t *row, const json_t *value)
{
	if (json_is_true(json_object_get(row, "would_drop")))
		return strdup("PASS (audit: WOULD DROP)");
	return strdup(strcmp(json_string_value(value), "drop") ? "PASS" : "DROP");
}

static char *format_reason(const json_t *row, const json_t *value)
{
	char *out = NULL;

	if (asprintf(&out, "%s: %s", json_string_value(value),
		     json_string_value(json_object_get(row, "reason_text"))) < 0)
		return NULL;
	return out;
}

static const struct view_column columns[] = {
	{.title = "verdict", .key = "verdict", .format = format_verdict},
	{.title = "reason", .key = "reason", .format = format_reason},
	{.title = "service", .key = "service"},
	{.title = "set", .key = "set"},
	{.title = "prefix", .key = "prefix"},
	{.title = "device", .key = "device"},
	{.title = "generation", .key = "generation"},
};

static const struct view_section sections[] = {
	{.columns = columns, .column_count = ARRAY_SIZE(columns)},
};

static const struct view check_view = {sections, ARRAY_SIZE(sections)};

static const struct arg_spec check_args[] = {
	{.name = "src",
	 .shape = ARG_KEYWORD,
	 .value = VALUE_ADDRESS,
	 .required = true,
	 .help = "where the packet comes from"},
	{.name = "dst",
	 .shape = ARG_KEYWORD,
	 .value = VALUE_ADDRESS,
	 .required = true,
	 .help = "where it goes to"},
	{.name = "proto",
	 .shape = ARG_KEYWORD,
	 .value = VALUE_PROTOCOL,
	 .required = true,
	 .help = "tcp, udp, icmp, icmp6, or a number"},
	{.name = "dport",
	 .shape = ARG_KEYWORD,
	 .value = VALUE_NUMBER,
	 .metavar = "PORT",
	 .max = 65535,
	 .help = "its destination port; tcp and udp need it"},
	{.name = "sport",
	 .shape = ARG_KEYWORD,
	 .value = VALUE_NUMBER,
	 .metavar = "PORT",
	 .max = 65535,
	 .help = "its source port, 50000 if not given"},
	{.name = "dev",
	 .shape = ARG_KEYWORD,
	 .value = VALUE_DEVICE,
	 .help = "the link that is asked, the first if not given"},
};

static const struct command check_commands[] = {
	{.help = "ask the loaded program what it does with such a packet, and why. Nothing is "
		 "counted. The exit status is 0 for either verdict",
	 .args = check_args,
	 .arg_count = ARRAY_SIZE(check_args),
	 .flags = COMMAND_ROOT,
	 .run = check_run,
	 .view = &check_view},
};

const struct object object_check = {
	.name = "check",
	.help = "what the gate does with a packet, and why",
	.commands = check_commands,
	.command_count = ARRAY_SIZE(check_commands),
};
