// SPDX-License-Identifier: Apache-2.0
/* Any command line: it is understood or refused with an error that a terminal survives. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/words.h"
#include "agent/cli/cli.h"
#include "agent/cli/text.h"

#define MAX_WORDS 64

static void check(int condition)
{
	if (!condition)
		abort();
}

static void check_error(const struct report *report)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	check(report->kind == REPORT_USAGE && report->error);
	cli_print_error(out, report);
	fclose(out);
	for (char *at = text; *at; at++)
		if (*at == '\n')
			*at = ' ';
	check(text_is_clean(text));
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *line = malloc(size + 1);
	struct cli_outcome outcome = {0};
	struct args args = {0};
	char *words[MAX_WORDS];
	struct cli cli;
	json_t *document;
	int count;

	memcpy(line, data, size);
	line[size] = '\0';
	count = words_split(line, words, MAX_WORDS);
	if (count < 0)
		return 0;
	cli_init(&cli, stdout, stderr);
	outcome.rc = cli_parse(&cli, words, (size_t)count, &outcome, &args);
	if (outcome.rc) {
		check_error(&cli.report);
		document = cli_document(&cli, &outcome);
		check(json_is_string(json_object_get(document, "error")));
		json_decref(document);
	} else {
		check(outcome.is_help || outcome.command);
	}
	args_clear(&args);
	report_clear(&cli.report);
	return 0;
}
