/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APIMGATE_CLI_STATS_H
#define APIMGATE_CLI_STATS_H

#include "agent/cli/cli.h"
#include "agent/cli/render.h"

/* All counters as one record. */
int stats_read(struct cli *cli, json_t **result);

/*
 * Adds to every row of `now` what its counters grew in a second, as
 * NAME_per_second, from the row of the same name in `before` (NULL: zero).
 */
void stats_add_rates(json_t *now, const json_t *before, double seconds);

/* Shows the counters every second until it is stopped. */
int stats_watch(struct cli *cli);

extern const struct view stats_view;
extern const struct view stats_watch_view;

#endif
