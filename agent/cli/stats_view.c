// SPDX-License-Identifier: Apache-2.0
/* How the counters look as text. */
#include <string.h>

#include "agent/cli/stats.h"

/* Reasons that counted nothing are only in JSON. */
static bool has_counted(const json_t *row)
{
	return json_integer_value(json_object_get(row, "packets")) ||
	       json_integer_value(json_object_get(row, "would_drop_packets"));
}

static char *format_generation(const json_t *row, const json_t *value)
{
	json_int_t saved = json_integer_value(json_object_get(row, "saved_generation"));
	json_int_t running = json_integer_value(value);
	char *out = NULL;
	int length;

	if (!json_is_true(json_object_get(row, "loaded")))
		return strdup("none: no gate is loaded");
	if (saved == running)
		length = asprintf(&out, "%" JSON_INTEGER_FORMAT ", saved", running);
	else if (saved)
		length = asprintf(&out,
				  "%" JSON_INTEGER_FORMAT
				  "; saved for the next boot is %" JSON_INTEGER_FORMAT,
				  running, saved);
	else
		length = asprintf(&out,
				  "%" JSON_INTEGER_FORMAT "; nothing is saved for the next boot",
				  running);
	return length < 0 ? NULL : out;
}

static char *format_memory(const json_t *row, const json_t *value)
{
	_cleanup_free_ char *lookup = render_bytes(row, value);
	_cleanup_free_ char *kernel = render_bytes(row, json_object_get(row, "kernel_bytes"));
	char *out = NULL;

	if (asprintf(&out, "lookup %s (%.1f bytes a prefix), all of it %s", lookup ? lookup : "-",
		     json_real_value(json_object_get(row, "bytes_per_prefix")),
		     kernel ? kernel : "-") < 0)
		return NULL;
	return out;
}

static char *format_events(const json_t *row, const json_t *value)
{
	char *out = NULL;

	(void)value;
	if (asprintf(&out,
		     "%" JSON_INTEGER_FORMAT " sent, %" JSON_INTEGER_FORMAT
		     " lost (nobody read them), %" JSON_INTEGER_FORMAT " not sampled",
		     json_integer_value(json_object_get(row, "sent")),
		     json_integer_value(json_object_get(row, "lost")),
		     json_integer_value(json_object_get(row, "skipped"))) < 0)
		return NULL;
	return out;
}

static const struct view_column gate_columns[] = {
	{.title = "generation", .key = "generation", .format = format_generation},
	{.title = "prefixes", .key = "prefixes"},
	{.title = "memory", .key = "lookup_bytes", .format = format_memory},
};

static const struct view_column event_columns[] = {
	{.title = "events    ", .key = "sent", .format = format_events},
};

static const struct view_column reason_columns[] = {
	{.title = "REASON", .key = "name"},
	{.title = "VERDICT", .key = "verdict"},
	{.title = "PACKETS", .key = "packets", .right = true},
	{.title = "BYTES", .key = "bytes", .right = true},
	{.title = "WOULD DROP", .key = "would_drop_packets", .right = true},
};

static const struct view_column service_columns[] = {
	{.title = "SERVICE", .key = "name", .shrinks = true},
	{.title = "PASSED", .key = "pass_packets", .right = true},
	{.title = "BYTES", .key = "pass_bytes", .right = true},
	{.title = "REFUSED", .key = "drop_packets", .right = true},
	{.title = "BYTES", .key = "drop_bytes", .right = true},
};

static const struct view_column set_columns[] = {
	{.title = "SET", .key = "name", .shrinks = true},
	{.title = "PACKETS", .key = "packets", .right = true},
	{.title = "BYTES", .key = "bytes", .right = true},
};

#define NOTHING_YET "no packet was counted yet"

static const struct view_section sections[] = {
	{.key = "gate", .columns = gate_columns, .column_count = ARRAY_SIZE(gate_columns)},
	{.key = "events",
	 .joined = true,
	 .columns = event_columns,
	 .column_count = ARRAY_SIZE(event_columns)},
	{.key = "reasons",
	 .empty = NOTHING_YET,
	 .keep = has_counted,
	 .columns = reason_columns,
	 .column_count = ARRAY_SIZE(reason_columns)},
	{.key = "services",
	 .columns = service_columns,
	 .column_count = ARRAY_SIZE(service_columns)},
	{.key = "sets", .columns = set_columns, .column_count = ARRAY_SIZE(set_columns)},
};

const struct view stats_view = {sections, ARRAY_SIZE(sections)};

/* ---- the same with rates ---- */

static const struct view_column reason_rates[] = {
	{.title = "REASON", .key = "name"},
	{.title = "VERDICT", .key = "verdict"},
	{.title = "PACKETS", .key = "packets", .right = true},
	{.title = "PACKETS/S", .key = "packets_per_second", .right = true},
	{.title = "BYTES/S", .key = "bytes_per_second", .right = true, .format = render_bytes},
	{.title = "WOULD DROP/S", .key = "would_drop_packets_per_second", .right = true},
};

static const struct view_column service_rates[] = {
	{.title = "SERVICE", .key = "name", .shrinks = true},
	{.title = "PASSED", .key = "pass_packets", .right = true},
	{.title = "PASSED/S", .key = "pass_packets_per_second", .right = true},
	{.title = "REFUSED", .key = "drop_packets", .right = true},
	{.title = "REFUSED/S", .key = "drop_packets_per_second", .right = true},
};

static const struct view_column set_rates[] = {
	{.title = "SET", .key = "name", .shrinks = true},
	{.title = "PACKETS", .key = "packets", .right = true},
	{.title = "PACKETS/S", .key = "packets_per_second", .right = true},
};

static const struct view_section watch_sections[] = {
	{.key = "gate", .columns = gate_columns, .column_count = ARRAY_SIZE(gate_columns)},
	{.key = "events",
	 .joined = true,
	 .columns = event_columns,
	 .column_count = ARRAY_SIZE(event_columns)},
	{.key = "reasons",
	 .empty = NOTHING_YET,
	 .keep = has_counted,
	 .columns = reason_rates,
	 .column_count = ARRAY_SIZE(reason_rates)},
	{.key = "services", .columns = service_rates, .column_count = ARRAY_SIZE(service_rates)},
	{.key = "sets", .columns = set_rates, .column_count = ARRAY_SIZE(set_rates)},
};

const struct view stats_watch_view = {watch_sections, ARRAY_SIZE(watch_sections)};
