// SPDX-License-Identifier: Apache-2.0
/* Any batch file: every line is read once, in order, and never more than the file has. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/words.h"
#include "agent/cli/batch.h"
#include "agent/cli/cli.h"

static void check(int condition)
{
	if (!condition)
		abort();
}

static void parse(char *text)
{
	struct cli_outcome outcome = {0};
	struct args args = {0};
	char *words[WORDS_MAX];
	struct cli cli;
	int count = words_split(text, words, WORDS_MAX);

	if (count < 0)
		return;
	/* A line without words was not worth handing over. */
	check(count > 0);
	cli_init(&cli, stdout, stderr);
	cli.in_batch = true;
	outcome.rc = cli_parse(&cli, words, (size_t)count, &outcome, &args);
	check(!outcome.rc == !cli.report.kind);
	args_clear(&args);
	report_clear(&cli.report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = malloc(size + 1);
	struct batch_reader reader = {text, text + size, 1};
	size_t lines = 1, last = 0, number;
	char *line;
	int rc;

	memcpy(text, data, size);
	text[size] = '\0';
	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	while ((rc = batch_next(&reader, &line, &number)) != 0) {
		check(number > last && number <= lines);
		last = number;
		if (rc < 0)
			continue;
		check(line >= text && line + strlen(line) <= text + size);
		parse(line);
	}
	return 0;
}
