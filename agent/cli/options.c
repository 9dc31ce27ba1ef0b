// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/options.h"

#include <errno.h>
#include <string.h>

#include "agent/base/cleanup.h"

static const struct option_row rows[] = {
	{'j', "json", NULL, "print one JSON document, errors too"},
	{'p', "pretty", NULL, "the same, indented"},
	{0, "pin-dir", "DIR", "where the gate is pinned (" GATE_DEFAULT_PIN_DIR ")"},
	{0, "state-dir", "DIR", "where it is saved for the next boot (" GATE_DEFAULT_STATE_DIR ")"},
	{0, "no-save", NULL, "change the kernel only, not the saved state"},
	{'h', "help", NULL, "say how the command is used"},
	{'V', "version", NULL, "print the version"},
};

const struct option_row *options_table(size_t *count)
{
	*count = ARRAY_SIZE(rows);
	return rows;
}

bool options_is_option(const char *word)
{
	return word[0] == '-' && word[1];
}

static int unknown(const char *word, struct report *report)
{
	return report_error(report, REPORT_USAGE, EINVAL,
			    "options: -j/--json, -p/--pretty, --pin-dir DIR, --state-dir DIR, "
			    "--no-save, -h/--help, -V/--version",
			    "unknown option '%s'", word);
}

static void set(struct options *options, const struct option_row *row, const char *value)
{
	if (!strcmp(row->name, "json") || !strcmp(row->name, "pretty"))
		options->json = true;
	if (!strcmp(row->name, "pretty"))
		options->pretty = true;
	if (!strcmp(row->name, "help"))
		options->help = true;
	if (!strcmp(row->name, "version"))
		options->version = true;
	if (!strcmp(row->name, "no-save"))
		options->gate.no_save = true;
	if (!strcmp(row->name, "pin-dir"))
		options->gate.pin_dir = value;
	if (!strcmp(row->name, "state-dir"))
		options->gate.state_dir = value;
}

/* "-jp": every letter is one of the short options; none of them takes a value. */
static int take_letters(struct options *options, const char *word, struct report *report)
{
	struct options result = *options;

	for (const char *letter = word + 1; *letter; letter++) {
		const struct option_row *row = NULL;

		for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
			if (rows[i].letter == *letter)
				row = &rows[i];
		if (!row)
			return unknown(word, report);
		set(&result, row, NULL);
	}
	*options = result;
	return 0;
}

static int take_value(const struct option_row *row, char *const *words, size_t count, size_t *at,
		      const char **value, struct report *report)
{
	const char *equals = strchr(words[*at], '=');

	if (!row->metavar) {
		if (equals)
			return report_error(report, REPORT_USAGE, EINVAL, NULL,
					    "option --%s takes no value", row->name);
		return 0;
	}
	if (equals)
		*value = equals + 1;
	else if (*at + 1 < count)
		*value = words[++*at];
	if (!*value || !**value)
		return report_error(report, REPORT_USAGE, EINVAL, NULL,
				    "option --%s needs a value: %s", row->name, row->metavar);
	return 0;
}

int options_take(struct options *options, char *const *words, size_t count, size_t *at,
		 struct report *report)
{
	const char *word = words[*at], *value = NULL;
	const struct option_row *row = NULL;
	size_t length;
	int rc;

	if (word[1] != '-') {
		rc = take_letters(options, word, report);
		if (rc)
			return rc;
		++*at;
		return 0;
	}
	length = strcspn(word + 2, "=");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strlen(rows[i].name) == length && !strncmp(rows[i].name, word + 2, length))
			row = &rows[i];
	if (!row)
		return unknown(word, report);
	rc = take_value(row, words, count, at, &value, report);
	if (rc)
		return rc;
	set(options, row, value);
	++*at;
	return 0;
}
