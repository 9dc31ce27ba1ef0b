// SPDX-License-Identifier: Apache-2.0
#include "agent/base/words.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define NAME_MAX_LEN 31

/* Not isspace(): what a file means must not depend on the locale. */
static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/*
 * Unquotes one word in place: what is written never overtakes what is read.
 * *cursor ends behind the white space or NUL that ended the word.
 */
static int read_word(char **cursor)
{
	char *in = *cursor;
	char *out = in;
	bool quoted = false;
	bool more;

	for (; *in && (quoted || !is_space(*in)); in++) {
		if (*in == '"') {
			quoted = !quoted;
			continue;
		}
		if (quoted && *in == '\\' && (in[1] == '"' || in[1] == '\\'))
			in++;
		*out++ = *in;
	}
	if (quoted)
		return -EINVAL;
	more = *in != '\0';
	*out = '\0';
	*cursor = more ? in + 1 : in;
	return 0;
}

int words_split(char *line, char **words, size_t max)
{
	size_t count = 0;

	for (;;) {
		char *word;
		int r;

		while (is_space(*line))
			line++;
		if (*line == '\0' || *line == '#')
			return (int)count;
		if (count == max)
			return -E2BIG;
		word = line;
		r = read_word(&line);
		if (r < 0)
			return r;
		words[count++] = word;
	}
}

static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

int words_is_name(const char *text)
{
	size_t length = 0;

	if (!is_alphanumeric(text[0]))
		return 0;
	for (; text[length]; length++) {
		char c = text[length];

		if (length == NAME_MAX_LEN)
			return 0;
		if (!is_alphanumeric(c) && c != '_' && c != '.' && c != '-')
			return 0;
	}
	return 1;
}

int words_check_name(const char *what, const char *text, struct report *report)
{
	if (words_is_name(text))
		return 0;
	return report_error(report, REPORT_USAGE, EINVAL,
			    "1 to 31 letters, digits, '_', '.' or '-', of which the first is a "
			    "letter or digit",
			    "'%s' is not a valid %s", text, what);
}

/*
 * Length of the UTF-8 sequence at bytes, 0 where there is none: over-long
 * forms, surrogates and what lies above U+10FFFF are none.
 */
static size_t utf8_length(const unsigned char *bytes, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length;

	if (bytes[0] < 0x80) {
		*code = bytes[0];
		return 1;
	}
	if (bytes[0] >= 0xf8 || bytes[0] < 0xc0)
		return 0;
	length = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : 2;
	*code = bytes[0] & (0x7fU >> length);
	for (size_t i = 1; i < length; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (bytes[i] & 0x3f);
	}
	if (*code < least[length] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff))
		return 0;
	return length;
}

int words_is_text(const char *text)
{
	const unsigned char *bytes = (const unsigned char *)text;

	while (*bytes) {
		uint32_t code;
		size_t length = utf8_length(bytes, &code);

		if (length == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0))
			return 0;
		bytes += length;
	}
	return 1;
}

char *words_quote(const char *text, char *out)
{
	*out++ = '"';
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			*out++ = '\\';
		*out++ = *text;
	}
	*out++ = '"';
	*out = '\0';
	return out;
}
