// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/cli/objects.h"

static const struct object *const objects[] = {
	&object_link,	 &object_set,	  &object_allow, &object_service,  &object_default,
	&object_check,	 &object_stats,	  &object_event, &object_doctor,   &object_batch,
	&object_restore, &object_version, &object_help,	 &object_complete, NULL,
};

const struct object *const *table_objects(void)
{
	return objects;
}

const char *value_kind_name(enum value_kind kind)
{
#define VALUE_NAME_ROW(symbol, name, metavar) [VALUE_##symbol] = (name),
	static const char *const names[] = {VALUE_KINDS(VALUE_NAME_ROW)};
#undef VALUE_NAME_ROW
	return names[kind];
}

const char *value_metavar(const struct arg_spec *spec)
{
#define VALUE_METAVAR_ROW(symbol, name, metavar) [VALUE_##symbol] = (metavar),
	static const char *const metavars[] = {VALUE_KINDS(VALUE_METAVAR_ROW)};
#undef VALUE_METAVAR_ROW
	return spec->metavar ? spec->metavar : metavars[spec->value];
}

void candidates_add(struct candidates *candidates, const char *word)
{
	if (candidates->count < CANDIDATES_MAX)
		candidates->words[candidates->count++] = word;
}

int candidates_match(const struct candidates *candidates, const char *word)
{
	size_t length = strlen(word);
	int found = -ENOENT;

	for (size_t i = 0; i < candidates->count; i++) {
		const char *candidate = candidates->words[i];

		if (!strcmp(candidate, word))
			return (int)i;
		if (!length || strncmp(candidate, word, length) != 0)
			continue;
		found = found == -ENOENT ? (int)i : -ENOTUNIQ;
	}
	return found;
}

/* "a, b and c" of those that begin with prefix. */
static char *join(const struct candidates *candidates, const char *prefix, const char *last)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0, total = 0, at = 0;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return NULL;
	for (size_t i = 0; i < candidates->count; i++)
		total += !strncmp(candidates->words[i], prefix, strlen(prefix));
	for (size_t i = 0; i < candidates->count; i++) {
		if (strncmp(candidates->words[i], prefix, strlen(prefix)) != 0)
			continue;
		if (at)
			fputs(at + 1 == total ? last : ", ", out);
		fputs(candidates->words[i], out);
		at++;
	}
	if (fclose(out))
		return NULL;
	return TAKE_PTR(text);
}

int candidates_find(const struct candidates *candidates, const char *word, const char *what,
		    struct report *report)
{
	_cleanup_free_ char *list = NULL, *hint = NULL;
	int found = candidates_match(candidates, word);

	if (found >= 0)
		return found;
	if (found == -ENOTUNIQ) {
		list = join(candidates, word, " or ");
		if (asprintf(&hint, "write more of it: %s", list ? list : "") < 0)
			hint = NULL;
		return report_error(report, REPORT_USAGE, EINVAL, hint, "'%s' is not unique: %s",
				    word, list ? list : "several words begin with it");
	}
	list = join(candidates, "", ", ");
	if (asprintf(&hint, "accepted here: %s", list && *list ? list : "nothing more") < 0)
		hint = NULL;
	return report_error(report, REPORT_USAGE, EINVAL, hint, "unknown %s '%s'", what, word);
}

int table_find_object(const char *word, const struct object **out, struct report *report)
{
	const struct object *shown[CANDIDATES_MAX];
	struct candidates candidates = {0};
	int found;

	for (size_t i = 0; objects[i]; i++) {
		if (objects[i]->hidden) {
			if (strcmp(objects[i]->name, word) != 0)
				continue;
			*out = objects[i];
			return 0;
		}
		shown[candidates.count] = objects[i];
		candidates_add(&candidates, objects[i]->name);
	}
	found = candidates_find(&candidates, word, "object", report);
	if (found < 0)
		return found;
	*out = shown[found];
	return 0;
}

int table_find_command(const struct object *object, const char *word, const struct command **out,
		       struct report *report)
{
	struct candidates candidates = {0};
	char what[64];
	int found;

	for (size_t i = 0; i < object->command_count; i++)
		candidates_add(&candidates, object->commands[i].verb);
	snprintf(what, sizeof(what), "command of %s", object->name);
	found = candidates_find(&candidates, word, what, report);
	if (found < 0)
		return found;
	*out = &object->commands[found];
	return 0;
}

void table_write_arg(FILE *out, const struct arg_spec *spec)
{
	if (spec->shape != ARG_POSITIONAL)
		fputs(spec->name, out);
	if (spec->shape == ARG_FLAG)
		return;
	if (spec->shape == ARG_KEYWORD)
		fputc(' ', out);
	if (spec->value != VALUE_CHOICE) {
		fputs(value_metavar(spec), out);
		return;
	}
	for (size_t i = 0; spec->choices[i]; i++)
		fprintf(out, "%s%s", i ? "|" : "", spec->choices[i]);
}

char *table_synopsis(const struct object *object, const struct command *command)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return NULL;
	fprintf(out, "apimgate %s", object->name);
	if (command->verb)
		fprintf(out, " %s", command->verb);
	for (size_t i = 0; i < command->arg_count; i++) {
		const struct arg_spec *spec = &command->args[i];

		fputs(spec->required ? " " : " [", out);
		table_write_arg(out, spec);
		if (!spec->required)
			fputc(']', out);
	}
	if (fclose(out))
		return NULL;
	return TAKE_PTR(text);
}
