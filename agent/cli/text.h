/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that came from elsewhere, made safe to show: a comment or a word of a
 * file never reaches a terminal as a control sequence, and never breaks JSON.
 */
#ifndef APIMGATE_CLI_TEXT_H
#define APIMGATE_CLI_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Length in bytes of the UTF-8 character at text, with the character in *out;
 * 0 where there is none (a stray, overlong or surrogate sequence).
 */
size_t text_character(const char *text, unsigned int *out);

/* Is it UTF-8 without control characters and without marks that reorder a line? */
bool text_is_clean(const char *text);

/* A copy with every other byte as \xNN, owned by the caller. keep_lines: '\n' stays. */
char *text_escape(const char *text, bool keep_lines);

/* Writes text_escape() of text. */
void text_print(FILE *out, const char *text, bool keep_lines);

/* A JSON string; bytes that are not UTF-8 become \xNN. NULL becomes null. */
json_t *text_json(const char *text);

/* Columns on a terminal, one a character. */
size_t text_width(const char *text);

/* The number of bytes of the first `width` characters. */
size_t text_bytes(const char *text, size_t width);

/* Prints words, wrapped at width (0: never), with later lines indented. column: where it begins. */
void text_wrap(FILE *out, const char *text, size_t column, size_t indent, size_t width);

#endif
