// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/args.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* "usage: ..." as a hint, or NULL when out of memory. */
static char *usage(const struct object *object, const struct command *command)
{
	_cleanup_free_ char *synopsis = table_synopsis(object, command);
	char *hint = NULL;

	if (!synopsis || asprintf(&hint, "usage: %s", synopsis) < 0)
		return NULL;
	return hint;
}

/* "allow add", for errors. */
static const char *command_name(const struct args_walk *walk, char out[64])
{
	snprintf(out, 64, "%s%s%s", walk->object->name, walk->command->verb ? " " : "",
		 walk->command->verb ? walk->command->verb : "");
	return out;
}

void args_walk_start(struct args_walk *walk, const struct object *object,
		     const struct command *command)
{
	*walk = (struct args_walk){.object = object, .command = command, .pending = -1};
}

int args_walk_positional(const struct args_walk *walk)
{
	/* A keyword ends the positional arguments: an optional one is not looked for after it. */
	for (size_t i = 0; i < walk->command->arg_count; i++)
		if (walk->command->args[i].shape != ARG_POSITIONAL && walk->given[i])
			return -1;
	for (size_t i = 0; i < walk->command->arg_count; i++)
		if (walk->command->args[i].shape == ARG_POSITIONAL && !walk->given[i])
			return (int)i;
	return -1;
}

static int find_keyword(const struct args_walk *walk, const char *word, struct report *report)
{
	_cleanup_free_ char *hint = NULL;
	struct candidates candidates = {0};
	int specs[CANDIDATES_MAX], found;
	char name[64], what[96];

	for (size_t i = 0; i < walk->command->arg_count; i++) {
		if (walk->command->args[i].shape == ARG_POSITIONAL)
			continue;
		specs[candidates.count] = (int)i;
		candidates_add(&candidates, walk->command->args[i].name);
	}
	if (!candidates.count) {
		hint = usage(walk->object, walk->command);
		return report_error(report, REPORT_USAGE, EINVAL, hint,
				    "'%s' is one word too many for %s", word,
				    command_name(walk, name));
	}
	snprintf(what, sizeof(what), "word after %s:", command_name(walk, name));
	found = candidates_find(&candidates, word, what, report);
	if (found < 0)
		return found;
	if (walk->given[specs[found]])
		return report_error(report, REPORT_USAGE, EINVAL, NULL, "'%s' is given twice",
				    candidates.words[found]);
	return specs[found];
}

int args_walk_step(struct args_walk *walk, const char *word, bool *is_value, struct report *report)
{
	int found = walk->pending;

	*is_value = true;
	if (found >= 0) {
		walk->pending = -1;
		return found;
	}
	found = args_walk_positional(walk);
	if (found >= 0) {
		walk->given[found] = true;
		return found;
	}
	*is_value = false;
	found = find_keyword(walk, word, report);
	if (found < 0)
		return found;
	walk->given[found] = true;
	if (walk->command->args[found].shape == ARG_KEYWORD)
		walk->pending = found;
	return found;
}

static int check_complete(const struct args_walk *walk, struct report *report)
{
	_cleanup_free_ char *hint = NULL;
	char name[64];

	if (walk->pending >= 0) {
		const struct arg_spec *spec = &walk->command->args[walk->pending];

		hint = usage(walk->object, walk->command);
		return report_error(report, REPORT_USAGE, EINVAL, hint, "%s: '%s' needs a value",
				    command_name(walk, name), spec->name);
	}
	for (size_t i = 0; i < walk->command->arg_count; i++) {
		const struct arg_spec *spec = &walk->command->args[i];
		_cleanup_free_ char *text = NULL;
		size_t length = 0;
		FILE *out;

		if (!spec->required || walk->given[i])
			continue;
		out = open_memstream(&text, &length);
		if (out) {
			table_write_arg(out, spec);
			fclose(out);
		}
		hint = usage(walk->object, walk->command);
		return report_error(report, REPORT_USAGE, EINVAL, hint, "%s: '%s' is missing",
				    command_name(walk, name), text ? text : spec->name);
	}
	return 0;
}

static int parse_words(struct args *args, struct args_walk *walk, struct options *options,
		       char *const *words, size_t count, struct report *report)
{
	for (size_t at = 0; at < count;) {
		bool is_value;
		int found;

		if (walk->pending < 0 && options_is_option(words[at])) {
			if (!options)
				return report_error(report, REPORT_USAGE, EINVAL,
						    "options belong to the batch command itself",
						    "option '%s' within a batch", words[at]);
			found = options_take(options, words, count, &at, report);
			if (found)
				return found;
			continue;
		}
		found = args_walk_step(walk, words[at], &is_value, report);
		if (found < 0)
			return found;
		args->values[found].given = true;
		if (is_value) {
			int rc = value_parse(&args->command->args[found], words[at],
					     &args->values[found], report);

			if (rc)
				return rc;
		}
		at++;
	}
	return 0;
}

int args_parse(struct args *args, const struct object *object, const struct command *command,
	       struct options *options, char *const *words, size_t count, struct report *report)
{
	struct args_walk walk;
	int rc;

	*args = (struct args){.object = object, .command = command};
	args->values = calloc(command->arg_count + 1, sizeof(*args->values));
	if (!args->values)
		return report_errno(report, ENOMEM, "reading the command");
	args_walk_start(&walk, object, command);
	rc = parse_words(args, &walk, options, words, count, report);
	if (rc)
		return rc;
	if (options && options->help)
		return 0;
	return check_complete(&walk, report);
}

void args_clear(struct args *args)
{
	if (!args->values)
		return;
	for (size_t i = 0; i < args->command->arg_count; i++)
		value_clear(&args->values[i]);
	free(args->values);
	args->values = NULL;
}

static const struct arg *find(const struct args *args, const char *name)
{
	for (size_t i = 0; i < args->command->arg_count; i++)
		if (!strcmp(args->command->args[i].name, name))
			return &args->values[i];
	return NULL;
}

const struct arg *args_get(const struct args *args, const char *name)
{
	const struct arg *arg = find(args, name);

	if (!arg)
		abort();
	return arg->given ? arg : NULL;
}

const char *args_text(const struct args *args, const char *name)
{
	const struct arg *arg = args_get(args, name);

	return arg ? arg->text : NULL;
}

bool args_has(const struct args *args, const char *name)
{
	const struct arg *arg = find(args, name);

	return arg && arg->given;
}
