// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/text.h"

#include <string.h>

#include "agent/base/cleanup.h"

size_t text_character(const char *text, unsigned int *out)
{
	static const unsigned int smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char first = (unsigned char)text[0];
	size_t length = first < 0x80		 ? 1
			: (first & 0xe0) == 0xc0 ? 2
			: (first & 0xf0) == 0xe0 ? 3
			: (first & 0xf8) == 0xf0 ? 4
						 : 0;
	unsigned int character;

	if (length <= 1) {
		*out = first;
		return length;
	}
	character = first & (0x7fU >> length);
	for (size_t i = 1; i < length; i++) {
		unsigned char next = (unsigned char)text[i];

		if ((next & 0xc0) != 0x80)
			return 0;
		character = character << 6 | (next & 0x3f);
	}
	*out = character;
	if (character < smallest[length] || character > 0x10ffff ||
	    (character >= 0xd800 && character <= 0xdfff))
		return 0;
	return length;
}

/* Control characters, and the marks that make a line read differently from what it is. */
static bool is_harmful(unsigned int character)
{
	return character < 0x20 || (character >= 0x7f && character <= 0x9f) || character == 0x61c ||
	       (character >= 0x200b && character <= 0x200f) ||
	       (character >= 0x2028 && character <= 0x202e) ||
	       (character >= 0x2060 && character <= 0x206f) || character == 0xfeff;
}

bool text_is_clean(const char *text)
{
	while (*text) {
		unsigned int character;
		size_t length = text_character(text, &character);

		if (!length || is_harmful(character))
			return false;
		text += length;
	}
	return true;
}

static void escape(FILE *out, const char *text, bool keep_lines)
{
	while (*text) {
		unsigned int character;
		size_t length = text_character(text, &character);
		bool is_plain = length && !is_harmful(character);

		if (!length)
			length = 1;
		if (is_plain || (keep_lines && *text == '\n')) {
			fwrite(text, 1, length, out);
		} else {
			for (size_t i = 0; i < length; i++)
				fprintf(out, "\\x%02x", (unsigned char)text[i]);
		}
		text += length;
	}
}

char *text_escape(const char *text, bool keep_lines)
{
	_cleanup_free_ char *result = NULL;
	size_t length = 0;
	FILE *out;

	if (text_is_clean(text))
		return strdup(text);
	out = open_memstream(&result, &length);
	if (!out)
		return NULL;
	escape(out, text, keep_lines);
	if (fclose(out))
		return NULL;
	return TAKE_PTR(result);
}

void text_print(FILE *out, const char *text, bool keep_lines)
{
	escape(out, text, keep_lines);
}

json_t *text_json(const char *text)
{
	_cleanup_free_ char *copy = NULL;
	size_t length = 0;
	json_t *result;
	FILE *out;

	if (!text)
		return json_null();
	result = json_string(text);
	if (result)
		return result;
	out = open_memstream(&copy, &length);
	if (!out)
		return NULL;
	while (*text) {
		unsigned int character;
		size_t bytes = text_character(text, &character);

		if (bytes)
			fwrite(text, 1, bytes, out);
		else
			fprintf(out, "\\x%02x", (unsigned char)*text);
		text += bytes ? bytes : 1;
	}
	if (fclose(out))
		return NULL;
	return json_string(copy);
}

size_t text_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

size_t text_bytes(const char *text, size_t width)
{
	size_t bytes = 0;

	for (; text[bytes]; bytes++) {
		if (((unsigned char)text[bytes] & 0xc0) == 0x80)
			continue;
		if (!width--)
			break;
	}
	return bytes;
}

void text_wrap(FILE *out, const char *text, size_t column, size_t indent, size_t width)
{
	bool is_first = true;

	while (*text) {
		size_t length = strcspn(text, " ");
		_cleanup_free_ char *word = strndup(text, length);
		size_t columns = word ? text_width(word) : length;

		if (!is_first && width && column + 1 + columns > width) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (!is_first) {
			fputc(' ', out);
			column++;
		}
		fputs(word ? word : "", out);
		column += columns;
		is_first = false;
		text += length;
		text += strspn(text, " ");
	}
}
