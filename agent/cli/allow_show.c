// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include <time.h>

#include "agent/cli/allow.h"
#include "agent/cli/record.h"
#include "agent/cli/text.h"
#include "agent/gate/counters.h"

/* Does one of the two cover the other? */
static bool is_related(const struct prefix *a, const struct prefix *b)
{
	const struct prefix *wide = a->length <= b->length ? a : b, *narrow = wide == a ? b : a;

	return prefix_covers(wide, narrow->family, narrow->address);
}

struct hits {
	uint64_t *by_slot;
	size_t count;
};

static void hits_free(struct hits *hits)
{
	free(hits->by_slot);
}

static json_t *entry_json(const struct policy *policy, const struct policy_entry *entry,
			  const struct hits *hits)
{
	json_t *packets = json_null();

	if (entry->slot && entry->slot < hits->count)
		packets = json_integer((json_int_t)hits->by_slot[entry->slot]);
	return json_pack("{s:s, s:o, s:o, s:o, s:o}", "set", policy->sets[entry->set].name,
			 "prefix", record_prefix(&entry->prefix), "hits", packets, "expires",
			 record_moment(entry->expires), "comment", text_json(entry->comment));
}

int allow_show(struct cli *cli, const struct args *args, json_t **result)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	_cleanup_(hits_free) struct hits hits = {0};
	const struct arg *prefix = args_get(args, "prefix");
	const char *name = args_text(args, "set");
	json_t *array;
	int set = -1, rc = cli_read_policy(cli, &policy);

	if (!rc && name)
		rc = set = policy_find_set(policy, name, &cli->report);
	if (rc >= 0)
		rc = counters_read_hits(&cli->options.gate, &hits.by_slot, &hits.count,
					&cli->report);
	if (rc < 0)
		return rc;
	array = json_array();
	for (size_t i = 0; i < policy->entry_count; i++) {
		const struct policy_entry *entry = &policy->entries[i];

		if (set >= 0 && entry->set != set)
			continue;
		if (prefix && !is_related(&entry->prefix, &prefix->prefix))
			continue;
		if (json_array_append_new(array, entry_json(policy, entry, &hits))) {
			json_decref(array);
			return cli_no_memory(cli);
		}
	}
	return cli_result(cli, json_pack("{s:o}", "allow", array), result);
}

/* "in 1h 59m"; the exact time is in JSON. */
static char *format_expires(const json_t *row, const json_t *value)
{
	const char *text = json_string_value(value);
	char remaining[RECORD_TIME_LEN], *out = NULL;
	time_t now = time(NULL), moment;
	struct tm broken = {0};

	(void)row;
	if (!text || !strptime(text, "%Y-%m-%dT%H:%M:%SZ", &broken))
		return strdup("-");
	moment = timegm(&broken);
	if (moment <= now)
		return strdup("over");
	if (asprintf(&out, "in %s", record_duration((uint64_t)(moment - now), remaining)) < 0)
		return NULL;
	return out;
}

static const struct view_column columns[] = {
	{.title = "SET", .key = "set", .shrinks = true},
	{.title = "PREFIX", .key = "prefix"},
	{.title = "HITS", .key = "hits", .right = true},
	{.title = "EXPIRES", .key = "expires", .format = format_expires},
	{.title = "COMMENT", .key = "comment", .shrinks = true},
};

static const struct view_section sections[] = {
	{.key = "allow",
	 .empty = "no such prefixes",
	 .columns = columns,
	 .column_count = ARRAY_SIZE(columns)},
};

const struct view allow_view = {sections, ARRAY_SIZE(sections)};
