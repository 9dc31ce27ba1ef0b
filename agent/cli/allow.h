/* SPDX-License-Identifier: Apache-2.0 */
/* allow show, apart from the edits. */
#ifndef APIMGATE_CLI_ALLOW_H
#define APIMGATE_CLI_ALLOW_H

#include "agent/cli/cli.h"
#include "agent/cli/render.h"

int allow_show(struct cli *cli, const struct args *args, json_t **result);

extern const struct view allow_view;

#endif
