// SPDX-License-Identifier: Apache-2.0
/* stats: what the gate has counted. */
#include "agent/cli/stats.h"

#include <errno.h>
#include <string.h>

#include "agent/cli/objects.h"
#include "agent/cli/text.h"
#include "agent/gate/counters.h"

static json_t *reasons_json(const struct counters *counters)
{
	json_t *array = json_array();

	for (int i = 0; i < GATE_REASON_COUNT; i++) {
		bool drops = counters_reason_verdict(i) == GATE_VERDICT_DROP;

		json_array_append_new(
			array,
			json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "name", counters_reason_name(i),
				  "verdict", drops ? "drop" : "pass", "packets",
				  (json_int_t)counters->reason[i].packets, "bytes",
				  (json_int_t)counters->reason[i].bytes, "would_drop_packets",
				  (json_int_t)counters->would_drop[i].packets, "would_drop_bytes",
				  (json_int_t)counters->would_drop[i].bytes));
	}
	return array;
}

static json_t *services_json(const struct policy *policy, const struct counters *counters)
{
	json_t *array = json_array();

	for (size_t i = 0; i < GATE_MAX_SERVICES; i++) {
		if (!policy->services[i].name[0])
			continue;
		json_array_append_new(
			array,
			json_pack("{s:s, s:I, s:I, s:I, s:I}", "name", policy->services[i].name,
				  "pass_packets", (json_int_t)counters->service_pass[i].packets,
				  "pass_bytes", (json_int_t)counters->service_pass[i].bytes,
				  "drop_packets", (json_int_t)counters->service_drop[i].packets,
				  "drop_bytes", (json_int_t)counters->service_drop[i].bytes));
	}
	return array;
}

static json_t *sets_json(const struct policy *policy, const struct counters *counters)
{
	json_t *array = json_array();

	for (size_t i = 0; i < GATE_MAX_SETS; i++)
		if (policy->sets[i].name[0])
			json_array_append_new(
				array, json_pack("{s:s, s:I, s:I}", "name", policy->sets[i].name,
						 "packets", (json_int_t)counters->set[i].packets,
						 "bytes", (json_int_t)counters->set[i].bytes));
	return array;
}

/* The members that the totals and every link have. */
static json_t *counters_json(const struct policy *policy, const struct counters *counters)
{
	json_t *events = json_pack("{s:I, s:I, s:I}", "sent", (json_int_t)counters->events_sent,
				   "lost", (json_int_t)counters->events_lost, "skipped",
				   (json_int_t)counters->events_skipped);

	return json_pack("{s:o, s:o, s:o, s:o}", "events", events, "reasons",
			 reasons_json(counters), "services", services_json(policy, counters),
			 "sets", sets_json(policy, counters));
}

static json_t *links_json(const struct policy *policy, const struct counters *links, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++) {
		json_t *link = json_pack("{s:o}", "device", text_json(links[i].device));
		json_t *counted = counters_json(policy, &links[i]);

		if (link && counted)
			json_object_update(link, counted);
		json_decref(counted);
		json_array_append_new(array, link);
	}
	return array;
}

/* Equal prefixes of several sets are one to the lookup; they are neighbours. */
static size_t count_prefixes(const struct policy *policy)
{
	size_t count = 0;

	for (size_t i = 0; i < policy->entry_count; i++)
		count += !i ||
			 prefix_compare(&policy->entries[i - 1].prefix, &policy->entries[i].prefix);
	return count;
}

static json_t *running_json(const struct policy *policy, const struct gate_running *running)
{
	size_t prefixes = count_prefixes(policy);
	double each = prefixes ? (double)running->lookup_bytes / (double)prefixes : 0;

	return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:f}", "loaded", running->loaded,
			 "generation", (json_int_t)running->generation, "saved_generation",
			 (json_int_t)running->saved_generation, "prefixes", (json_int_t)prefixes,
			 "lookup_bytes", (json_int_t)running->lookup_bytes, "kernel_bytes",
			 (json_int_t)running->kernel_bytes, "bytes_per_prefix", each);
}

int stats_read(struct cli *cli, json_t **result)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	_cleanup_free_ struct counters *links = NULL;
	struct counters total = {0};
	struct gate_running running;
	size_t count = 0;
	json_t *whole, *counted;
	int rc = cli_read_policy(cli, &policy);

	if (!rc)
		rc = gate_running(&cli->options.gate, &running, &cli->report);
	if (!rc)
		rc = counters_read(&cli->options.gate, &links, &count, &cli->report);
	if (rc)
		return rc;
	for (size_t i = 0; i < count; i++)
		counters_add(&total, &links[i]);
	whole = json_pack("{s:o}", "gate", running_json(policy, &running));
	counted = counters_json(policy, &total);
	if (whole && counted)
		json_object_update(whole, counted);
	json_decref(counted);
	if (whole)
		json_object_set_new(whole, "links", links_json(policy, links, count));
	return cli_result(cli, whole, result);
}

static const json_t *find_row(const json_t *array, const json_t *like)
{
	const char *name = json_string_value(json_object_get(like, "name"));
	size_t index;
	json_t *row;

	json_array_foreach(
		array, index,
		row) if (name &&
			 !strcmp(name, json_string_value(json_object_get(row, "name")))) return row;
	return NULL;
}

static void add_row_rates(json_t *row, const json_t *before, double seconds)
{
	json_t *rates = json_object(), *value;
	const char *key;

	json_object_foreach(row, key, value)
	{
		double then = before ? (double)json_integer_value(json_object_get(before, key)) : 0;
		double grown = (double)json_integer_value(value) - then;
		char name[64];

		if (!json_is_integer(value))
			continue;
		snprintf(name, sizeof(name), "%s_per_second", key);
		if (!before || grown < 0 || seconds <= 0)
			grown = 0; /* new, or counted anew */
		json_object_set_new(
			rates, name,
			json_integer((json_int_t)(seconds > 0 ? grown / seconds + 0.5 : 0)));
	}
	json_object_update(row, rates);
	json_decref(rates);
}

void stats_add_rates(json_t *now, const json_t *before, double seconds)
{
	static const char *const keys[] = {"reasons", "services", "sets"};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const json_t *old = json_object_get(before, keys[i]);
		size_t index;
		json_t *row;

		json_array_foreach(json_object_get(now, keys[i]), index, row)
			add_row_rates(row, find_row(old, row), seconds);
	}
}

static int stats_show(struct cli *cli, const struct args *args, json_t **result)
{
	if (!args_has(args, "watch"))
		return stats_read(cli, result);
	if (cli->in_batch)
		return report_error(&cli->report, REPORT_USAGE, EINVAL, NULL,
				    "stats show watch cannot be in a batch");
	return stats_watch(cli);
}

static const struct arg_spec show_args[] = {
	{.name = "watch",
	 .shape = ARG_FLAG,
	 .help = "show it every second with rates, until q or Ctrl-C"},
};

static const struct command stats_commands[] = {
	{.verb = "show",
	 .help = "packets and bytes by reason, by service and by set; \"would drop\" is what "
		 "passed "
		 "only because a link audits",
	 .args = show_args,
	 .arg_count = ARRAY_SIZE(show_args),
	 .flags = COMMAND_ROOT,
	 .run = stats_show,
	 .view = &stats_view},
};

const struct object object_stats = {
	.name = "stats",
	.help = "what the gate has counted",
	.commands = stats_commands,
	.command_count = ARRAY_SIZE(stats_commands),
};
