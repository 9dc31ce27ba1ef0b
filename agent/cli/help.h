/* SPDX-License-Identifier: Apache-2.0 */
/* Help, as text and as JSON, made from the command table. */
#ifndef APIMGATE_CLI_HELP_H
#define APIMGATE_CLI_HELP_H

#include <stdio.h>

#include "agent/cli/table.h"

/*
 * The table, or the part of it that is asked for: object NULL for all, command
 * NULL for all of the object. A new reference.
 */
json_t *help_json(const struct object *object, const struct command *command);

void help_print(FILE *out, const struct object *object, const struct command *command);

#endif
