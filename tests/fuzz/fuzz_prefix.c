// SPDX-License-Identifier: Apache-2.0
/* Any text: what is taken for a prefix is canonical, and its text means the same prefix again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/cleanup.h"
#include "agent/base/prefix.h"

static void check(int condition)
{
	if (!condition)
		abort();
}

static void check_round_trip(const struct prefix *prefix)
{
	struct prefix again;
	char text[PREFIX_TEXT_LEN];

	check(prefix_is_valid(prefix));
	prefix_format(prefix, text);
	check(prefix_parse(text, strlen(text), &again) == PREFIX_OK);
	check(prefix_compare(prefix, &again) == 0);
	check(memcmp(prefix, &again, sizeof(again)) == 0);
	check(prefix_covers(prefix, prefix->family, prefix->address));
}

/* The error for users says something of everything, and agrees with the parser. */
static void check_report(const char *text, enum prefix_problem problem)
{
	struct report report = {0};
	struct prefix prefix;
	int r = prefix_read(text, &prefix, &report);

	check((r == 0) == (problem == PREFIX_OK));
	check((r == 0) == (report.kind == REPORT_OK));
	check(r == 0 || (report.error && report.hint));
	report_clear(&report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = malloc(size + 1);
	struct prefix prefix;
	enum prefix_problem problem = prefix_parse((const char *)data, size, &prefix);

	if (problem == PREFIX_OK || problem == PREFIX_HOST_BITS)
		check_round_trip(&prefix);
	memcpy(text, data, size);
	text[size] = '\0';
	if (strlen(text) == size)
		check_report(text, problem);
	return 0;
}
