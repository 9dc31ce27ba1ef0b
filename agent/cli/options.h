/* SPDX-License-Identifier: Apache-2.0 */
/* The global options. They may stand before the object or between later words. */
#ifndef APIMGATE_CLI_OPTIONS_H
#define APIMGATE_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/report.h"
#include "agent/gate/gate.h"

struct options {
	bool json;
	bool pretty; /* and json */
	bool help;
	bool version;
	struct gate_options gate;
};

struct option_row {
	char letter; /* 0: only the long one */
	const char *name;
	const char *metavar; /* NULL: takes no value */
	const char *help;
};

/* All options; *count of them. */
const struct option_row *options_table(size_t *count);

/* Is it written like an option? "-" alone is a file name. */
bool options_is_option(const char *word);

/*
 * Takes the option at words[*at], with its value where it has one, and moves
 * *at behind it.
 */
int options_take(struct options *options, char *const *words, size_t count, size_t *at,
		 struct report *report);

#endif
