/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batch files: a command a line, '#' comments, and a backslash at the end of a
 * line that goes on in the next one (not in a comment: what follows a comment
 * is never swallowed by it).
 */
#ifndef APIMGATE_CLI_BATCH_H
#define APIMGATE_CLI_BATCH_H

#include <stddef.h>

#define BATCH_MAX_BYTES (64U << 20)

struct batch_reader {
	char *at; /* writable; a NUL stands at end */
	char *end;
	size_t line; /* number of the line at `at`, from 1 */
};

/*
 * The next line that is not empty, as one string with its continuations joined,
 * and the number of its first line. Returns 1, 0 at the end, or -EINVAL where
 * the line (*number) holds a NUL.
 */
int batch_next(struct batch_reader *reader, char **text, size_t *number);

#endif
