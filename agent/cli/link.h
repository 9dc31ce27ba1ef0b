/* SPDX-License-Identifier: Apache-2.0 */
/* link show, apart from what changes links. */
#ifndef APIMGATE_CLI_LINK_H
#define APIMGATE_CLI_LINK_H

#include "agent/cli/cli.h"
#include "agent/cli/render.h"

int link_show(struct cli *cli, const struct args *args, json_t **result);

/* One link as `link show` has it. */
json_t *link_json(const struct gate_link_info *info);

extern const struct view link_view;

#endif
