/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Edits of the policy: begin, one or more edits, the guards over all of them,
 * commit. The guards look at what the sets have lost at the end, so that a
 * batch may empty a set and fill it again.
 */
#ifndef APIMGATE_CLI_CHANGE_H
#define APIMGATE_CLI_CHANGE_H

#include "agent/cli/cli.h"

struct change_counts {
	size_t of[GATE_MAX_SETS];
	char names[GATE_MAX_SETS][GATE_NAME_LEN];
};

void change_count(const struct policy *policy, struct change_counts *counts);

/* What an edit with `force` removed is no loss: before is made smaller by it. */
void change_forgive(struct change_counts *before, const struct change_counts *edit_before,
		    const struct change_counts *edit_after);

/* guard_shrink() for every set that traffic depends on. */
int change_guard(const struct change_counts *before, const struct policy *policy,
		 struct report *report);

/* Refuses, unless force, to edit a set that a source of the agent fills. */
int change_check_owner(const struct policy_set *set, bool force, struct report *report);

/*
 * Commits and says in the result, before its other members, whether something
 * changed, and in which generation.
 */
int change_commit(struct cli *cli, struct gate_change *change, uint64_t before, bool force,
		  json_t **result);

/* One command's edit, begun and committed. */
int change_run(struct cli *cli, const struct args *args, json_t **result);

/* The text form of an edit's result: its message and the generation. */
void change_show(const struct cli *cli, const json_t *result);

#endif
