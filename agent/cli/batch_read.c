// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/batch.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Does a comment begin between the two, by the rules of words_split()? */
static bool has_comment(const char *at, const char *end)
{
	bool is_quoted = false, is_start = true;

	for (; at < end; at++) {
		if (is_start && *at == '#')
			return true;
		if (*at == '"')
			is_quoted = !is_quoted;
		else if (is_quoted && *at == '\\' && at + 1 < end)
			at++;
		is_start = !is_quoted && is_space(*at);
	}
	return false;
}

/* Where the backslash is that makes the line go on, or NULL. newline: where it ends. */
static char *continuation(char *start, char *newline)
{
	char *last = newline;

	if (last > start && last[-1] == '\r')
		last--;
	if (last == start || last[-1] != '\\' || has_comment(start, newline))
		return NULL;
	return last - 1;
}

/* One line with its continuations; *text ends at a NUL. */
static void take_line(struct batch_reader *reader, char **text, char **end)
{
	char *search = reader->at;

	*text = reader->at;
	for (;;) {
		char *newline = memchr(search, '\n', (size_t)(reader->end - search)), *backslash;

		reader->line++;
		if (!newline) {
			reader->at = *end = reader->end;
			return;
		}
		backslash = continuation(*text, newline);
		if (!backslash) {
			*newline = '\0';
			*end = newline;
			reader->at = newline + 1;
			return;
		}
		memset(backslash, ' ', (size_t)(newline + 1 - backslash));
		search = newline + 1;
	}
}

int batch_next(struct batch_reader *reader, char **text, size_t *number)
{
	while (reader->at < reader->end) {
		char *end;

		*number = reader->line;
		take_line(reader, text, &end);
		if (memchr(*text, 0, (size_t)(end - *text)))
			return -EINVAL;
		while (is_space(**text))
			++*text;
		if (**text && **text != '#')
			return 1;
	}
	return 0;
}
