// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/list.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/cleanup.h"
#include "agent/base/file.h"
#include "agent/cli/cli.h"
#include "agent/gate/guard.h"

#define SHOWN_LENGTH 60 /* of a bad line */

/* The bad lines, as they will be told. */
struct problems {
	FILE *text;
	size_t count;
	bool has_host_bits;
};

/* "  line 7: '20.1.2.3/24': the prefix is 20.1.2.0/24" */
static void add_problem(struct problems *problems, size_t line, const char *word, size_t length,
			enum prefix_problem problem, const struct prefix *prefix)
{
	const char *cut = length > SHOWN_LENGTH ? "..." : "";
	char canonical[PREFIX_TEXT_LEN];
	int shown = (int)(length > SHOWN_LENGTH ? SHOWN_LENGTH : length);

	problems->has_host_bits |= problem == PREFIX_HOST_BITS;
	if (problems->count++ >= LIST_MAX_SHOWN)
		return;
	fprintf(problems->text, "\n  line %zu: '%.*s%s': ", line, shown, word, cut);
	if (problem == PREFIX_HOST_BITS)
		fprintf(problems->text, "bits behind the length are set; the prefix is %s",
			prefix_format(prefix, canonical));
	else if (problem == PREFIX_BAD_LENGTH)
		fputs("the length is not right", problems->text);
	else
		fputs("not an IP prefix", problems->text);
}

/* What is left of a line without its comment and the space around. */
static size_t trim(const char **text, size_t length)
{
	const char *comment = memchr(*text, '#', length), *at = *text;

	if (comment)
		length = (size_t)(comment - at);
	while (length && strchr(" \t\r", at[length - 1]) && at[length - 1])
		length--;
	while (length && (*at == ' ' || *at == '\t')) {
		at++;
		length--;
	}
	*text = at;
	return length;
}

static void parse_lines(const char *text, size_t length, struct list *list,
			struct problems *problems)
{
	const char *end = text + length, *at = text;

	/* Editors of Windows put a byte order mark in front. */
	if (length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		at += 3;
	for (uint32_t line = 1; at < end; line++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at)), *word = at;
		size_t size = trim(&word, (size_t)((newline ? newline : end) - at));
		struct prefix *prefix = &list->prefixes[list->count];
		enum prefix_problem problem;

		at = newline ? newline + 1 : end;
		if (!size)
			continue;
		problem = prefix_parse(word, size, prefix);
		if (problem != PREFIX_OK)
			add_problem(problems, line, word, size, problem, prefix);
		else
			list->lines[list->count++] = line;
	}
}

static size_t count_lines(const char *text, size_t length)
{
	const char *end = text + length;
	size_t count = 1;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));

		if (!newline)
			break;
		text = newline + 1;
		count++;
	}
	return count;
}

static int refuse(const char *name, const struct list *list, const struct problems *problems,
		  const char *lines, struct report *report)
{
	char more[48] = "";
	size_t total = list->count + problems->count;

	if (problems->count > LIST_MAX_SHOWN)
		snprintf(more, sizeof(more), "\n  and %zu more", problems->count - LIST_MAX_SHOWN);
	return report_error(report, REPORT_USAGE, EINVAL,
			    problems->has_host_bits
				    ? "correct the lines; for one address write it without a length"
				    : "correct the lines: one prefix a line, '#' begins a comment",
			    "%s: %zu of %zu entries are bad, and nothing is changed%s%s", name,
			    problems->count, total, lines ? lines : "", more);
}

int list_parse(const char *name, const char *text, size_t length, struct list *out,
	       struct report *report)
{
	_cleanup_(list_clear) struct list list = {0};
	_cleanup_free_ char *lines = NULL;
	struct problems problems = {0};
	size_t most = count_lines(text, length), size = 0;

	list.prefixes = calloc(most, sizeof(*list.prefixes));
	list.lines = calloc(most, sizeof(*list.lines));
	if (!list.prefixes || !list.lines)
		return report_errno(report, ENOMEM, "reading %s", name);
	problems.text = open_memstream(&lines, &size);
	if (!problems.text)
		return report_errno(report, ENOMEM, "reading %s", name);
	parse_lines(text, length, &list, &problems);
	if (fclose(problems.text))
		return report_errno(report, ENOMEM, "reading %s", name);
	if (problems.count)
		return refuse(name, &list, &problems, lines, report);
	*out = list;
	list = (struct list){0};
	return 0;
}

int list_read(const char *path, struct list *out, struct report *report)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	int rc = file_read(path, LIST_MAX_BYTES, &text, &length, report);

	if (rc)
		return rc;
	return list_parse(strcmp(path, "-") ? path : "standard input", text, length, out, report);
}

int list_guard(const char *name, const struct list *list, struct report *report)
{
	for (size_t i = 0; i < list->count; i++) {
		int rc = guard_prefix(&list->prefixes[i], report);

		if (!rc)
			continue;
		cli_locate_error(report, name, list->lines[i]);
		return rc;
	}
	return 0;
}

void list_clear(struct list *list)
{
	free(list->prefixes);
	free(list->lines);
	*list = (struct list){0};
}
