/* SPDX-License-Identifier: Apache-2.0 */
/*
 * List files: one prefix a line. '#' begins a comment, on a line of its own or
 * behind a prefix; empty lines, spaces, tabs and CR before the end of a line
 * are nothing.
 */
#ifndef APIMGATE_CLI_LIST_H
#define APIMGATE_CLI_LIST_H

#include <stdint.h>

#include "agent/base/prefix.h"
#include "agent/base/report.h"

#define LIST_MAX_SHOWN 20 /* bad lines that an error names */
#define LIST_MAX_BYTES (256U << 20)

struct list {
	struct prefix *prefixes;
	uint32_t *lines; /* where each stands */
	size_t count;
};

/*
 * Reads a list. All or nothing: any bad line makes an error (REPORT_USAGE,
 * -EINVAL) that names every one of them, up to LIST_MAX_SHOWN. name is what
 * errors call the list.
 */
int list_parse(const char *name, const char *text, size_t length, struct list *out,
	       struct report *report);

/* The same for a file; "-" is standard input. */
int list_read(const char *path, struct list *out, struct report *report);

/* Asks guard_prefix() for each; a refusal names the line. */
int list_guard(const char *name, const struct list *list, struct report *report);

void list_clear(struct list *list);

#endif
