// SPDX-License-Identifier: Apache-2.0
/* Any line: its words, quoted and joined, are split into the same words again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/cleanup.h"
#include "agent/base/words.h"

#define MAX_WORDS 64

static void check(int condition)
{
	if (!condition)
		abort();
}

static char *join(char *const *words, int count)
{
	size_t size = 1;
	char *line;
	char *end;

	for (int i = 0; i < count; i++)
		size += 2 * strlen(words[i]) + 3;
	line = malloc(size);
	end = line;
	for (int i = 0; i < count; i++) {
		end = words_quote(words[i], end);
		*end++ = ' ';
	}
	*end = '\0';
	return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *line = malloc(size + 1);
	_cleanup_free_ char *joined = NULL;
	char *words[MAX_WORDS];
	char *again[MAX_WORDS];
	int count;

	memcpy(line, data, size);
	line[size] = '\0';
	count = words_split(line, words, MAX_WORDS);
	if (count < 0)
		return 0;
	joined = join(words, count);
	check(words_split(joined, again, MAX_WORDS) == count);
	for (int i = 0; i < count; i++) {
		check(strcmp(words[i], again[i]) == 0);
		check(!words_is_name(words[i]) || words_is_text(words[i]));
	}
	return 0;
}
