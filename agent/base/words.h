/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Splits a line of a batch or state file into words, as a command line would:
 * white space separates; '#' at the start of a word begins a comment; double
 * quotes keep spaces, and inside them \" and \\ stand for themselves.
 */
#ifndef APIMGATE_BASE_WORDS_H
#define APIMGATE_BASE_WORDS_H

#include <stddef.h>

#include "agent/base/report.h"

#define WORDS_MAX 512

/*
 * Splits line in place (it is overwritten) into at most max words that point
 * into it. Returns the number of words, 0 for an empty line, -E2BIG for too
 * many words, -EINVAL for a quote that does not end.
 */
int words_split(char *line, char **words, size_t max);

/* Is it a legal name: 1 to 31 of [A-Za-z0-9_.-], starting with a letter or digit? */
int words_is_name(const char *text);

/* The same for a user's argument: -EINVAL with an error that calls it `what` ("set name"). */
int words_check_name(const char *what, const char *text, struct report *report);

/* Is it UTF-8 without control characters, so that it may be shown on a terminal and in JSON? */
int words_is_text(const char *text);

/*
 * Writes text in double quotes, as words_split() reads it back: at most
 * 2 * strlen(text) + 3 bytes with the NUL. Returns where the NUL is.
 */
char *words_quote(const char *text, char *out);

#endif
