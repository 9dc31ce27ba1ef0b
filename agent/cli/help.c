// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/help.h"

#include <string.h>

#include "agent/cli/cli.h"
#include "agent/cli/objects.h"
#include "agent/cli/text.h"

#define WIDTH 80

static const struct arg_spec help_args[] = {
	{.name = "object", .value = VALUE_OBJECT, .help = "the object, all of them if not given"},
	{.name = "command",
	 .value = VALUE_OBJECT,
	 .metavar = "COMMAND",
	 .help = "one of its commands"},
};

/* The words after `help` are looked up in the table, so nothing is left to run. */
static const struct command help_commands[] = {
	{.help = "say how a command is used",
	 .args = help_args,
	 .arg_count = ARRAY_SIZE(help_args)},
};

const struct object object_help = {
	.name = "help",
	.help = "how commands are used",
	.commands = help_commands,
	.command_count = ARRAY_SIZE(help_commands),
};

static json_t *choices_json(const struct arg_spec *spec)
{
	json_t *array = json_array();

	for (size_t i = 0; spec->choices && spec->choices[i]; i++)
		json_array_append_new(array, json_string(spec->choices[i]));
	return array;
}

static json_t *arg_json(const struct arg_spec *spec)
{
	static const char *const shapes[] = {
		[ARG_POSITIONAL] = "positional", [ARG_KEYWORD] = "keyword", [ARG_FLAG] = "flag"};
	json_t *arg = json_pack("{s:s, s:s, s:s, s:b, s:s, s:o, s:s}", "name", spec->name, "shape",
				shapes[spec->shape], "value", value_kind_name(spec->value),
				"required", spec->required, "metavar", value_metavar(spec),
				"choices", choices_json(spec), "help", spec->help);

	if (arg && spec->max) {
		json_object_set_new(arg, "min", json_integer((json_int_t)spec->min));
		json_object_set_new(arg, "max", json_integer((json_int_t)spec->max));
	}
	return arg;
}

static json_t *command_json(const struct object *object, const struct command *command)
{
	_cleanup_free_ char *synopsis = table_synopsis(object, command);
	json_t *args = json_array();

	for (size_t i = 0; i < command->arg_count; i++)
		json_array_append_new(args, arg_json(&command->args[i]));
	return json_pack("{s:s?, s:s, s:s, s:b, s:b, s:b, s:o}", "command", command->verb, "help",
			 command->help, "synopsis", synopsis ? synopsis : "", "edits",
			 command->edit != NULL, "root", (command->flags & COMMAND_ROOT) != 0,
			 "streams", (command->flags & COMMAND_STREAMS) != 0, "args", args);
}

static json_t *object_json(const struct object *object, const struct command *command)
{
	json_t *commands = json_array();

	for (size_t i = 0; i < object->command_count; i++)
		if (!command || command == &object->commands[i])
			json_array_append_new(commands, command_json(object, &object->commands[i]));
	return json_pack("{s:s, s:s, s:o}", "object", object->name, "help", object->help,
			 "commands", commands);
}

static json_t *options_json(void)
{
	json_t *array = json_array();
	size_t count;
	const struct option_row *rows = options_table(&count);

	for (size_t i = 0; i < count; i++) {
		char letter[2] = {rows[i].letter, 0};

		json_array_append_new(array,
				      json_pack("{s:s, s:s?, s:s?, s:s}", "name", rows[i].name,
						"letter", letter[0] ? letter : NULL, "metavar",
						rows[i].metavar, "help", rows[i].help));
	}
	return array;
}

json_t *help_json(const struct object *object, const struct command *command)
{
	const struct object *const *objects = table_objects();
	json_t *array = json_array();

	for (size_t i = 0; objects[i]; i++)
		if (object ? objects[i] == object : !objects[i]->hidden)
			json_array_append_new(array, object_json(objects[i], command));
	return json_pack("{s:s, s:s, s:o, s:o}", "program", "apimgate", "version", APIMGATE_VERSION,
			 "options", options_json(), "objects", array);
}

/* "set SET"; owned by the caller. */
static char *arg_text(const struct arg_spec *spec)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return NULL;
	table_write_arg(out, spec);
	if (fclose(out))
		return NULL;
	return TAKE_PTR(text);
}

static void print_options(FILE *out)
{
	size_t count;
	const struct option_row *rows = options_table(&count);

	fputs("\nOptions:\n", out);
	for (size_t i = 0; i < count; i++) {
		char name[40];

		snprintf(name, sizeof(name), "--%s%s%s", rows[i].name, rows[i].metavar ? " " : "",
			 rows[i].metavar ? rows[i].metavar : "");
		if (rows[i].letter)
			fprintf(out, "  -%c, %-15s  %s\n", rows[i].letter, name, rows[i].help);
		else
			fprintf(out, "      %-15s  %s\n", name, rows[i].help);
	}
}

static void print_all(FILE *out)
{
	const struct object *const *objects = table_objects();

	fputs("Usage: apimgate [OPTIONS] OBJECT { COMMAND | help }\n\nObjects:\n", out);
	for (size_t i = 0; objects[i]; i++)
		if (!objects[i]->hidden)
			fprintf(out, "  %-9s %s\n", objects[i]->name, objects[i]->help);
	print_options(out);
	fputs("\nA bare object shows itself. Words may be shortened while they stay unique;\n"
	      "scripts should write them out. `apimgate OBJECT help` says more.\n"
	      "Exit status: 0 done, 1 failed, 2 usage, 3 not found, 4 not permitted,\n"
	      "5 refused by a guard (the error says how to insist).\n",
	      out);
}

/* Wrapped between the arguments, never within one. */
static void print_synopsis(FILE *out, const struct object *object, const struct command *command)
{
	size_t column =
		(size_t)fprintf(out, "  apimgate %s%s%s", object->name, command->verb ? " " : "",
				command->verb ? command->verb : "");

	for (size_t i = 0; i < command->arg_count; i++) {
		_cleanup_free_ char *arg = arg_text(&command->args[i]);
		bool is_optional = !command->args[i].required;
		size_t length = (arg ? strlen(arg) : 0) + (is_optional ? 3 : 1);

		if (column + length > WIDTH)
			column = (size_t)fprintf(out, "\n%*s", 6, "") - 1;
		column += length;
		fprintf(out, is_optional ? " [%s]" : " %s", arg ? arg : "");
	}
	fputc('\n', out);
}

static void print_object(FILE *out, const struct object *object)
{
	fprintf(out, "%s: %s\n\n", object->name, object->help);
	for (size_t i = 0; i < object->command_count; i++) {
		print_synopsis(out, object, &object->commands[i]);
		fputs("          ", out);
		text_wrap(out, object->commands[i].help, 10, 10, WIDTH);
		fputc('\n', out);
	}
	if (object_has_verbs(object))
		fprintf(out, "\n`apimgate %s help COMMAND` explains the words of one.\n",
			object->name);
}

static void print_args(FILE *out, const struct command *command)
{
	for (size_t i = 0; i < command->arg_count; i++) {
		_cleanup_free_ char *name = arg_text(&command->args[i]);

		if (!name)
			return;
		fprintf(out, "  %-26s ", name);
		if (strlen(name) > 26)
			fprintf(out, "\n%*s", 29, "");
		text_wrap(out, command->args[i].help, 29, 29, WIDTH);
		fputc('\n', out);
	}
}

void help_print(FILE *out, const struct object *object, const struct command *command)
{
	if (!object) {
		print_all(out);
		return;
	}
	if (!command && object_has_verbs(object)) {
		print_object(out, object);
		return;
	}
	if (!command)
		command = &object->commands[0];
	print_synopsis(out, object, command);
	fputc('\n', out);
	text_wrap(out, command->help, 0, 0, WIDTH);
	fputc('\n', out);
	if (command->arg_count)
		fputc('\n', out);
	print_args(out, command);
	if (command->edit)
		fputs("\nAlso as a line of `apimgate batch file FILE atomic`.\n", out);
}
