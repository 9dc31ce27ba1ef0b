/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A handler makes one record in JSON; a view says how the same record looks as
 * text. A member that is an array is shown as a table, an object as a block of
 * `title: value` lines.
 */
#ifndef APIMGATE_CLI_RENDER_H
#define APIMGATE_CLI_RENDER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Makes the text of one cell from the row and its member; owned by the caller.
 * What it returns is escaped by the renderer.
 */
typedef char *(*view_format)(const json_t *row, const json_t *value);

struct view_column {
	const char *title;
	const char *key;    /* member of the row */
	bool right;	    /* aligned to the right: numbers */
	bool shrinks;	    /* free text, cut with "..." where the terminal is too narrow */
	view_format format; /* NULL: strings as they are, arrays with commas, null as "-" */
};

struct view_section {
	const char *key;     /* member of the result; NULL: the result itself */
	const char *heading; /* NULL: none */
	const char *empty;   /* said instead of a table without rows; NULL: nothing at all */
	bool (*keep)(const json_t *row); /* rows to show; NULL: all */
	bool joined; /* no empty line before it: it goes on with the block above */
	const struct view_column *columns;
	size_t column_count;
};

struct view {
	const struct view_section *sections;
	size_t section_count;
};

/* width: columns of the terminal; 0: no limit, nothing is ever cut (a pipe). */
void render_view(FILE *out, size_t width, const struct view *view, const json_t *result);

/* One document and a newline. */
void render_json(FILE *out, const json_t *document, bool pretty);

/* Text of a cell without a formatter of its own; owned by the caller. */
char *render_value(const json_t *value);

/* Formatters that more than one view uses. */
char *render_yes_no(const json_t *row, const json_t *value);
char *render_bytes(const json_t *row, const json_t *value); /* "1.5 MiB" */
char *render_all(const json_t *row, const json_t *value);   /* an empty array is "all" */

#endif
