// SPDX-License-Identifier: Apache-2.0
/* The command table holds together: every row can be parsed, explained and completed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/cli/cli.h"
#include "agent/cli/help.h"
#include "agent/cli/objects.h"
#include "agent/cli/render.h"

static void check_arg(const struct command *command, size_t index)
{
	const struct arg_spec *spec = &command->args[index];

	assert_true(spec->name && spec->name[0]);
	assert_true(spec->help && spec->help[0]);
	assert_true((spec->shape == ARG_FLAG) == (spec->value == VALUE_NONE));
	assert_true((spec->value == VALUE_CHOICE) == (spec->choices != NULL));
	if (spec->value == VALUE_NUMBER || spec->value == VALUE_DURATION ||
	    spec->value == VALUE_SECONDS)
		assert_true(spec->max > spec->min);
	if (spec->shape == ARG_FLAG)
		assert_false(spec->required);
	for (size_t i = 0; i < command->arg_count; i++) {
		const struct arg_spec *other = &command->args[i];

		if (i == index)
			continue;
		assert_string_not_equal(spec->name, other->name);
		/* A keyword that begins another one would change meaning while it is typed. */
		if (spec->shape != ARG_POSITIONAL && other->shape != ARG_POSITIONAL)
			assert_int_not_equal(strncmp(other->name, spec->name, strlen(spec->name)),
					     0);
		/* Positional arguments come first, the required ones before the others. */
		if (spec->shape == ARG_POSITIONAL && i < index) {
			assert_int_equal(other->shape, ARG_POSITIONAL);
			assert_true(other->required || !spec->required);
		}
		/* With an optional positional, a keyword could be taken for it. */
		if (spec->shape == ARG_POSITIONAL && !spec->required)
			assert_int_equal(other->shape, ARG_POSITIONAL);
	}
}

static void check_command(const struct object *object, const struct command *command)
{
	assert_true(command->help && command->help[0]);
	assert_true(command->arg_count <= ARGS_MAX);
	if (object == &object_help)
		return;
	assert_true(!command->run != !command->edit);
	/* An edit may be refused by the guards of a commit, so there is a way to insist. */
	if (command->edit && strcmp(command->verb, "add"))
		assert_true(command->arg_count > 0);
	assert_false(command->edit && (command->view || command->show));
	for (size_t i = 0; i < command->arg_count; i++)
		check_arg(command, i);
}

static void test_rows(void **state)
{
	const struct object *const *objects = table_objects();

	(void)state;
	for (size_t i = 0; objects[i]; i++) {
		const struct object *object = objects[i];

		assert_true(object->help && object->help[0]);
		assert_true(object->command_count > 0);
		assert_true(object_has_verbs(object) || object->command_count == 1);
		for (size_t k = 0; objects[k]; k++)
			if (k != i)
				assert_string_not_equal(object->name, objects[k]->name);
		for (size_t c = 0; c < object->command_count; c++) {
			const struct command *command = &object->commands[c];

			check_command(object, command);
			for (size_t k = 0; object_has_verbs(object) && k < c; k++)
				assert_string_not_equal(command->verb, object->commands[k].verb);
			if (command->verb)
				assert_string_not_equal(command->verb, "help");
		}
	}
}

/* Every word, written out, is found, whatever other words it begins with. */
static void test_whole_words_are_unique(void **state)
{
	const struct object *const *objects = table_objects();
	struct report report = {0};

	(void)state;
	for (size_t i = 0; objects[i]; i++) {
		const struct object *object = NULL;

		assert_int_equal(table_find_object(objects[i]->name, &object, &report), 0);
		assert_ptr_equal(object, objects[i]);
		for (size_t c = 0; object_has_verbs(object) && c < object->command_count; c++) {
			const struct command *command = NULL;

			assert_int_equal(table_find_command(object, object->commands[c].verb,
							    &command, &report),
					 0);
			assert_ptr_equal(command, &object->commands[c]);
		}
	}
}

static void test_matching(void **state)
{
	struct candidates candidates = {{"set", "service", "settle", "link"}, 4};

	(void)state;
	assert_int_equal(candidates_match(&candidates, "set"), 0);
	assert_int_equal(candidates_match(&candidates, "ser"), 1);
	assert_int_equal(candidates_match(&candidates, "sett"), 2);
	assert_int_equal(candidates_match(&candidates, "se"), -ENOTUNIQ);
	assert_int_equal(candidates_match(&candidates, "linkk"), -ENOENT);
	assert_int_equal(candidates_match(&candidates, "LINK"), -ENOENT);
	assert_int_equal(candidates_match(&candidates, ""), -ENOENT);
}

static void check_synopsis(const struct object *object, const char *verb, const char *expected)
{
	_cleanup_free_ char *text = NULL;
	const struct command *command = &object->commands[0];
	struct report report = {0};

	if (verb)
		assert_int_equal(table_find_command(object, verb, &command, &report), 0);
	text = table_synopsis(object, command);
	assert_string_equal(text, expected);
}

static void test_synopsis(void **state)
{
	(void)state;
	check_synopsis(&object_allow, "add",
		       "apimgate allow add PREFIX [set SET] [comment TEXT] [expires DURATION] "
		       "[force]");
	check_synopsis(&object_default, "set",
		       "apimgate default set pass|drop [non-ip pass|drop] [force]");
	check_synopsis(&object_batch, NULL, "apimgate batch file FILE [atomic] [force]");
	check_synopsis(&object_version, NULL, "apimgate version");
}

/* No line of help is wider than a terminal, but for a synopsis that cannot be broken. */
static void check_width(const struct object *object, const struct command *command)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	help_print(out, object, command);
	fclose(out);
	assert_true(length > 0);
	for (const char *line = text; *line;) {
		size_t width = strcspn(line, "\n");

		if (width > 80)
			print_error("%.*s\n", (int)width, line);
		assert_true(width <= 80);
		assert_true(!width || line[width - 1] != ' ');
		line += width + (line[width] == '\n');
	}
}

static void test_help_fits(void **state)
{
	const struct object *const *objects = table_objects();

	(void)state;
	check_width(NULL, NULL);
	for (size_t i = 0; objects[i]; i++) {
		check_width(objects[i], NULL);
		for (size_t c = 0; c < objects[i]->command_count; c++)
			check_width(objects[i], &objects[i]->commands[c]);
	}
}

static void test_help_json_holds_the_table(void **state)
{
	const struct object *const *objects = table_objects();
	json_t *help = help_json(NULL, NULL), *list = json_object_get(help, "objects");
	size_t shown = 0;

	(void)state;
	for (size_t i = 0; objects[i]; i++) {
		json_t *object, *commands;

		if (objects[i]->hidden)
			continue;
		object = json_array_get(list, shown++);
		commands = json_object_get(object, "commands");
		assert_string_equal(json_string_value(json_object_get(object, "object")),
				    objects[i]->name);
		assert_int_equal(json_array_size(commands), objects[i]->command_count);
		for (size_t c = 0; c < objects[i]->command_count; c++) {
			json_t *command = json_array_get(commands, c);

			assert_int_equal(json_array_size(json_object_get(command, "args")),
					 objects[i]->commands[c].arg_count);
			assert_true(json_is_string(json_object_get(command, "synopsis")));
		}
	}
	assert_int_equal(json_array_size(list), shown);
	assert_int_equal(json_array_size(json_object_get(help, "options")), 7);
	json_decref(help);
}

/* ---- completion, from the same table ---- */

static void check_completion(const char *expected, char *const *words, size_t count)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	struct cli cli;

	cli_init(&cli, stdout, stderr);
	cli.options.gate.pin_dir = "/nonexistent";
	cli.options.gate.state_dir = "/nonexistent";
	cli.out = out;
	assert_int_equal(cli_complete(&cli, words, count), 0);
	fclose(out);
	for (char *at = text; *at; at++)
		if (*at == '\n')
			*at = ' ';
	assert_string_equal(text, expected);
	report_clear(&cli.report);
}

#define COMPLETE(expected, ...)                                       \
	do {                                                          \
		char *words[] = {__VA_ARGS__};                        \
		check_completion(expected, words, ARRAY_SIZE(words)); \
	} while (0)

static void test_completion(void **state)
{
	(void)state;
	COMPLETE("link set allow service default check stats event doctor batch restore version "
		 "help ",
		 "");
	COMPLETE("set service stats ", "s");
	COMPLETE("", "complet");
	COMPLETE("help show attach enforce audit confirm detach ", "link", "");
	COMPLETE("attach ", "link", "at");
	COMPLETE("mode audit confirm force ", "link", "attach", "dev", "eth0", "");
	COMPLETE("auto native generic ", "link", "attach", "mode", "");
	COMPLETE("confirm ", "link", "att", "dev", "eth0", "mode", "native", "c");
	COMPLETE("@file ", "batch", "file", "");
	COMPLETE("@file ", "--pin-dir", "");
	COMPLETE("@file ", "link", "show", "--state-dir", "");
	COMPLETE("--pretty --pin-dir ", "--p");
	COMPLETE("--json ", "link", "show", "--j");
	COMPLETE("pass drop ", "default", "set", "");
	COMPLETE("non-ip force ", "default", "set", "pass", "");
	COMPLETE("tcp ", "check", "proto", "t");
	COMPLETE("show attach enforce audit confirm detach ", "help", "link", "");
	COMPLETE("", "nothing", "");
	COMPLETE("", "link", "attach", "no", "such", "");
	COMPLETE("", "allow", "add", "1.2.3.4", "comment", "");
	/* A new gate has one set; a name that cannot be read is simply not offered. */
	COMPLETE("azure-platform ", "allow", "show", "set", "");
	COMPLETE("a,azure-platform ", "service", "add", "x", "from", "a,");
	COMPLETE("168.63.129.16/32 ", "allow", "delete", "168");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),	   cmocka_unit_test(test_whole_words_are_unique),
		cmocka_unit_test(test_matching),   cmocka_unit_test(test_synopsis),
		cmocka_unit_test(test_help_fits),  cmocka_unit_test(test_help_json_holds_the_table),
		cmocka_unit_test(test_completion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
