// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>

#include "agent/cli/change.h"
#include "agent/cli/help.h"
#include "agent/cli/objects.h"
#include "agent/cli/render.h"
#include "agent/cli/text.h"

#define DEFAULT_WIDTH 80

static size_t terminal_width(FILE *out)
{
	struct winsize size = {0};

	if (!isatty(fileno(out)))
		return 0;
	if (ioctl(fileno(out), TIOCGWINSZ, &size) || !size.ws_col)
		return DEFAULT_WIDTH;
	return size.ws_col;
}

void cli_init(struct cli *cli, FILE *out, FILE *err)
{
	*cli = (struct cli){
		.options.gate = {.pin_dir = GATE_DEFAULT_PIN_DIR,
				 .state_dir = GATE_DEFAULT_STATE_DIR},
		.out = out,
		.err = err,
		.width = terminal_width(out),
	};
}

/* Options may stand between the words, but within a batch they belong to the batch. */
static int take_options(struct cli *cli, char *const *words, size_t count, size_t *at)
{
	while (*at < count && options_is_option(words[*at])) {
		int rc;

		if (cli->in_batch)
			return report_error(&cli->report, REPORT_USAGE, EINVAL,
					    "options belong to the batch command itself",
					    "option '%s' within a batch", words[*at]);
		rc = options_take(&cli->options, words, count, at, &cli->report);
		if (rc)
			return rc;
	}
	return 0;
}

/* `help [OBJECT [COMMAND]]`, and `OBJECT help [COMMAND]` with the object known. */
static int resolve_help(struct cli *cli, char *const *words, size_t count, struct cli_outcome *out,
			size_t *at)
{
	int rc = take_options(cli, words, count, at);

	out->is_help = true;
	if (!rc && !out->object && *at < count)
		rc = table_find_object(words[(*at)++], &out->object, &cli->report);
	if (!rc)
		rc = take_options(cli, words, count, at);
	if (rc || *at == count || !out->object || !object_has_verbs(out->object))
		return rc;
	rc = table_find_command(out->object, words[(*at)++], &out->command, &cli->report);
	return rc ? rc : take_options(cli, words, count, at);
}

/* A bare object shows itself; where there is nothing to show, it does the one thing it can. */
static int resolve_bare(struct cli *cli, struct cli_outcome *out)
{
	if (out->object->command_count > 1)
		return table_find_command(out->object, "show", &out->command, &cli->report);
	out->command = &out->object->commands[0];
	return 0;
}

static int resolve_command(struct cli *cli, char *const *words, size_t count,
			   struct cli_outcome *out, size_t *at)
{
	int rc = take_options(cli, words, count, at);

	if (rc)
		return rc;
	if (out->object == &object_help) {
		out->object = NULL;
		return resolve_help(cli, words, count, out, at);
	}
	if (*at < count && !strcmp(words[*at], "help")) {
		++*at;
		return resolve_help(cli, words, count, out, at);
	}
	if (!object_has_verbs(out->object))
		return resolve_bare(cli, out);
	if (*at < count)
		return table_find_command(out->object, words[(*at)++], &out->command, &cli->report);
	if (cli->options.help)
		return 0;
	return resolve_bare(cli, out);
}

static int resolve(struct cli *cli, char *const *words, size_t count, struct cli_outcome *out,
		   size_t *at)
{
	int rc = take_options(cli, words, count, at);

	if (rc)
		return rc;
	if (cli->options.version) {
		out->object = &object_version;
		out->command = &object_version.commands[0];
		return 0;
	}
	if (*at == count && cli->options.help) {
		out->is_help = true;
		return 0;
	}
	if (*at == count)
		return report_error(&cli->report, REPORT_USAGE, EINVAL,
				    "`apimgate help` lists them", "no object is given");
	rc = table_find_object(words[(*at)++], &out->object, &cli->report);
	if (rc)
		return rc;
	return resolve_command(cli, words, count, out, at);
}

static int check_batch(struct cli *cli, const struct cli_outcome *outcome)
{
	const struct command *command = outcome->command;

	if (!cli->in_batch || !command || !(command->flags & (COMMAND_STREAMS | COMMAND_ALONE)))
		return 0;
	return report_error(&cli->report, REPORT_USAGE, EINVAL, NULL, "%s%s%s cannot be in a batch",
			    outcome->object->name, command->verb ? " " : "",
			    command->verb ? command->verb : "");
}

int cli_parse(struct cli *cli, char *const *words, size_t count, struct cli_outcome *out,
	      struct args *args)
{
	size_t at = 0;
	int rc = resolve(cli, words, count, out, &at);

	if (rc)
		return rc;
	rc = check_batch(cli, out);
	if (rc)
		return rc;
	if (out->is_help && at < count)
		return report_error(&cli->report, REPORT_USAGE, EINVAL, NULL,
				    "'%s' is one word too many for help", words[at]);
	if (!out->is_help && out->command)
		rc = args_parse(args, out->object, out->command,
				cli->in_batch ? NULL : &cli->options, words + at, count - at,
				&cli->report);
	out->is_help |= cli->options.help;
	return rc;
}

static int run(struct cli *cli, char *const *words, size_t count, struct cli_outcome *out)
{
	_cleanup_(args_clear) struct args args = {0};
	int rc = cli_parse(cli, words, count, out, &args);

	if (rc)
		return rc;
	if (out->is_help || !out->command)
		return cli_result(cli, help_json(out->object, out->command), &out->result);
	if (out->command->edit)
		return change_run(cli, &args, &out->result);
	return out->command->run(cli, &args, &out->result);
}

int cli_execute(struct cli *cli, char *const *words, size_t count, struct cli_outcome *out)
{
	*out = (struct cli_outcome){0};
	out->rc = run(cli, words, count, out);
	/* Whoever failed has said why; this is for the one who forgot. */
	if (out->rc && !cli->report.kind)
		report_errno(&cli->report, -out->rc, "the command failed");
	return out->rc;
}

void cli_outcome_clear(struct cli_outcome *outcome)
{
	json_decref(outcome->result);
	outcome->result = NULL;
}

int cli_status(const struct cli *cli, const struct cli_outcome *outcome)
{
	return outcome->rc ? (int)cli->report.kind : cli->status;
}

static json_t *warnings_json(const struct report *report)
{
	json_t *array = json_array();

	for (size_t i = 0; i < report->warning_count; i++)
		json_array_append_new(array, text_json(report->warnings[i]));
	return array;
}

json_t *cli_document(struct cli *cli, const struct cli_outcome *outcome)
{
	const struct report *report = &cli->report;
	json_t *document;

	if (!outcome->rc && !outcome->result)
		return NULL;
	/* A failed command may still have a result: what it did before it failed. */
	document = outcome->result ? json_copy(outcome->result) : json_object();
	if (outcome->rc) {
		json_t *result = document;

		document = json_object();
		json_object_set_new(document, "error",
				    text_json(report->error ? report->error : "out of memory"));
		json_object_set_new(document, "hint", text_json(report->hint));
		json_object_set_new(document, "kind", text_json(report_kind_name(report->kind)));
		json_object_update_missing(document, result);
		json_decref(result);
	}
	if (report->warning_count)
		json_object_set_new(document, "warnings", warnings_json(report));
	return document;
}

static void print_lines(FILE *out, const char *prefix, const char *text)
{
	fputs(prefix, out);
	text_print(out, text, true);
	fputc('\n', out);
}

void cli_print_error(FILE *out, const struct report *report)
{
	print_lines(out, "Error: ", report->error ? report->error : "out of memory");
	if (report->hint)
		print_lines(out, "  ", report->hint);
}

void cli_print_warnings(FILE *out, const struct report *report)
{
	for (size_t i = 0; i < report->warning_count; i++)
		print_lines(out, "warning: ", report->warnings[i]);
}

static void print_result(struct cli *cli, const struct cli_outcome *outcome)
{
	const struct command *command = outcome->command;

	if (outcome->is_help)
		help_print(cli->out, outcome->object, outcome->command);
	else if (command->edit)
		change_show(cli, outcome->result);
	else if (command->show)
		command->show(cli, outcome->result);
	else if (command->view)
		render_view(cli->out, cli->width, command->view, outcome->result);
}

void cli_print(struct cli *cli, const struct cli_outcome *outcome)
{
	if (cli->options.json && cli->printed)
		return;
	if (cli->options.json) {
		json_t *document = cli_document(cli, outcome);

		if (document)
			render_json(cli->out, document, cli->options.pretty);
		json_decref(document);
		return;
	}
	cli_print_warnings(cli->err, &cli->report);
	if (outcome->result)
		print_result(cli, outcome);
	if (outcome->rc) {
		fflush(cli->out);
		cli_print_error(cli->err, &cli->report);
	}
}

/* An error before the options were read is still told in the mode that they ask for. */
static void peek_options(struct cli *cli, char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		bool is_pretty = !strcmp(words[i], "-p") || !strcmp(words[i], "--pretty");

		cli->options.pretty |= is_pretty;
		cli->options.json |=
			is_pretty || !strcmp(words[i], "-j") || !strcmp(words[i], "--json");
	}
}

int cli_main(struct cli *cli, int argc, char **argv)
{
	_cleanup_(cli_outcome_clear) struct cli_outcome outcome = {0};
	size_t count = argc > 0 ? (size_t)argc - 1 : 0;
	int status;

	/* Its words are somebody's half-written line: no option among them is for us. */
	if (count >= 2 && !strcmp(argv[1], object_complete.name) && !strcmp(argv[2], "--"))
		return cli_complete(cli, argv + 3, count - 2);
	cli_execute(cli, argv + 1, count, &outcome);
	if (outcome.rc && cli->report.kind == REPORT_USAGE)
		peek_options(cli, argv + 1, count);
	cli_print(cli, &outcome);
	status = cli_status(cli, &outcome);
	if ((fflush(cli->out) || ferror(cli->out)) && !status) {
		fprintf(cli->err, "Error: writing the output: %s\n", strerror(errno));
		status = REPORT_FAILED;
	}
	report_clear(&cli->report);
	return status;
}

int cli_no_memory(struct cli *cli)
{
	return report_errno(&cli->report, ENOMEM, "making the answer");
}

int cli_result(struct cli *cli, json_t *made, json_t **result)
{
	if (!made)
		return cli_no_memory(cli);
	*result = made;
	return 0;
}

int cli_set_text(json_t *object, const char *key, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list list;
	int length;

	va_start(list, format);
	length = vasprintf(&text, format, list);
	va_end(list);
	if (length < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return json_object_set_new(object, key, text_json(text)) ? -ENOMEM : 0;
}

void cli_warn_not_loaded(struct cli *cli, bool loaded)
{
	if (!loaded)
		report_warn(&cli->report,
			    "no gate is loaded at %s: this is the saved policy, "
			    "and nothing is filtered",
			    cli->options.gate.pin_dir);
}

int cli_read_policy(struct cli *cli, struct policy **out)
{
	bool loaded = true;
	int rc = gate_read_policy(&cli->options.gate, out, &loaded, &cli->report);

	if (!rc)
		cli_warn_not_loaded(cli, loaded);
	return rc;
}

void cli_locate_error(struct report *report, const char *file, size_t line)
{
	char *located = NULL;

	if (asprintf(&located, "%s:%zu: %s", file, line,
		     report->error ? report->error : "out of memory") < 0)
		return;
	free(report->error);
	report->error = located;
}
