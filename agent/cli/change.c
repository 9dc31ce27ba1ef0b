// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/change.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "agent/cli/text.h"
#include "agent/gate/guard.h"

void change_count(const struct policy *policy, struct change_counts *counts)
{
	*counts = (struct change_counts){0};
	for (size_t i = 0; i < GATE_MAX_SETS; i++)
		snprintf(counts->names[i], GATE_NAME_LEN, "%s", policy->sets[i].name);
	for (size_t i = 0; i < policy->entry_count; i++)
		counts->of[policy->entries[i].set]++;
}

static bool is_same_set(const struct change_counts *a, const struct change_counts *b, size_t set)
{
	return a->names[set][0] && !strcmp(a->names[set], b->names[set]);
}

void change_forgive(struct change_counts *before, const struct change_counts *edit_before,
		    const struct change_counts *edit_after)
{
	for (size_t i = 0; i < GATE_MAX_SETS; i++) {
		size_t lost = edit_before->of[i];

		if (!is_same_set(before, edit_before, i))
			continue;
		if (is_same_set(edit_before, edit_after, i))
			lost = lost > edit_after->of[i] ? lost - edit_after->of[i] : 0;
		before->of[i] = before->of[i] > lost ? before->of[i] - lost : 0;
	}
}

/* Does traffic depend on the set? The platform's may reach every service. */
static bool is_used(const struct policy *policy, size_t set)
{
	if (set == GATE_SET_PLATFORM)
		return true;
	for (size_t i = 0; i < GATE_MAX_SERVICES; i++)
		if (policy->services[i].name[0] && policy->services[i].sets >> set & 1)
			return true;
	return false;
}

int change_guard(const struct change_counts *before, const struct policy *policy,
		 struct report *report)
{
	struct change_counts after;

	change_count(policy, &after);
	for (size_t i = 0; i < GATE_MAX_SETS; i++) {
		int rc;

		if (!is_same_set(before, &after, i) || !is_used(policy, i))
			continue;
		if (after.of[i] >= before->of[i])
			continue;
		rc = guard_shrink(after.names[i], before->of[i], after.of[i], report);
		if (rc)
			return rc;
	}
	return 0;
}

int change_check_owner(const struct policy_set *set, bool force, struct report *report)
{
	_cleanup_free_ char *hint = NULL;

	if (force || !strcmp(set->owner, POLICY_OWNER_STATIC))
		return 0;
	if (asprintf(&hint,
		     "change what the source '%s' gives, use a set of your own, or add `force` "
		     "(the next refresh undoes it)",
		     set->owner) < 0)
		hint = NULL;
	return report_error(report, REPORT_GUARD, EPERM, hint,
			    "the set '%s' is filled by the source '%s'", set->name, set->owner);
}

int change_commit(struct cli *cli, struct gate_change *change, uint64_t before, bool force,
		  json_t **result)
{
	json_t *edited = *result, *whole;
	uint64_t generation;
	int rc = gate_commit(change, force, &cli->report);

	/* An edit that is not committed has not happened: it has no result. */
	*result = NULL;
	if (rc) {
		json_decref(edited);
		return rc;
	}
	generation = gate_policy(change)->generation;
	whole = json_pack("{s:b, s:I}", "changed", generation != before, "generation",
			  (json_int_t)generation);
	if (whole && edited)
		json_object_update_missing(whole, edited);
	json_decref(edited);
	return cli_result(cli, whole, result);
}

int change_run(struct cli *cli, const struct args *args, json_t **result)
{
	_cleanup_(gate_endp) struct gate_change *change = NULL;
	bool force = args_has(args, "force");
	struct change_counts counts;
	struct policy *policy;
	uint64_t before;
	int rc = gate_begin(&cli->options.gate, &change, &cli->report);

	if (rc)
		return rc;
	policy = gate_policy(change);
	before = policy->generation;
	change_count(policy, &counts);
	rc = args->command->edit(cli, args, policy, result);
	if (!rc && !force)
		rc = change_guard(&counts, policy, &cli->report);
	if (rc) {
		json_decref(*result);
		*result = NULL;
		return rc;
	}
	return change_commit(cli, change, before, force, result);
}

void change_show(const struct cli *cli, const json_t *result)
{
	const char *message = json_string_value(json_object_get(result, "message"));
	json_int_t generation = json_integer_value(json_object_get(result, "generation"));

	text_print(cli->out, message ? message : "done", true);
	fprintf(cli->out, " (%sgeneration %" JSON_INTEGER_FORMAT "%s)\n",
		json_is_true(json_object_get(result, "changed")) ? "" : "nothing changed, ",
		generation, cli->options.gate.no_save ? ", not saved" : "");
}
