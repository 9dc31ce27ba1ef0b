// SPDX-License-Identifier: Apache-2.0
/* Any list file: what is read of it, written as a list again, is read the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/cleanup.h"
#include "agent/cli/list.h"

static void check(int condition)
{
	if (!condition)
		abort();
}

static void check_again(const struct list *list)
{
	char *text = NULL, prefix[PREFIX_TEXT_LEN];
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	struct report report = {0};
	struct list again = {0};

	for (size_t i = 0; i < list->count; i++)
		fprintf(out, "%s\n", prefix_format(&list->prefixes[i], prefix));
	fclose(out);
	check(list_parse("again", text, length, &again, &report) == 0);
	check(again.count == list->count);
	for (size_t i = 0; i < list->count; i++) {
		check(again.lines[i] == i + 1);
		check(prefix_compare(&again.prefixes[i], &list->prefixes[i]) == 0);
	}
	list_clear(&again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* The exact size, so that reading behind the end is seen. */
	_cleanup_free_ char *text = malloc(size ? size : 1);
	struct report report = {0};
	struct list list = {0};

	memcpy(text, data, size);
	if (list_parse("list", text, size, &list, &report))
		check(report.kind == REPORT_USAGE && report.error && !list.prefixes);
	else
		check_again(&list);
	list_clear(&list);
	report_clear(&report);
	return 0;
}
