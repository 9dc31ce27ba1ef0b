// SPDX-License-Identifier: Apache-2.0
/* batch: many commands in one go, one after the other or all in one generation. */
#include "agent/cli/batch.h"

#include <errno.h>
#include <string.h>

#include "agent/base/file.h"
#include "agent/base/words.h"
#include "agent/cli/change.h"
#include "agent/cli/objects.h"
#include "agent/cli/record.h"
#include "agent/cli/render.h"
#include "agent/cli/text.h"

struct batch_file {
	const char *name; /* for errors */
	char *text;
	struct batch_reader reader;
};

static void batch_file_close(struct batch_file *file)
{
	free(file->text);
}

static int batch_file_open(struct cli *cli, const char *path, struct batch_file *file)
{
	size_t length = 0;
	int rc = file_read(path, BATCH_MAX_BYTES, &file->text, &length, &cli->report);

	if (rc)
		return rc;
	file->name = strcmp(path, "-") ? path : "standard input";
	file->reader = (struct batch_reader){file->text, file->text + length, 1};
	return 0;
}

/* One line: its text as it was, and its words, which are made of the original. */
struct batch_line {
	size_t number;
	char *copy;
	char *words[WORDS_MAX];
	size_t count;
};

static void batch_line_clear(struct batch_line *line)
{
	free(line->copy);
	*line = (struct batch_line){0};
}

static int split(char *text, struct batch_line *line, struct report *report)
{
	int count = words_split(text, line->words, WORDS_MAX);

	if (count == -E2BIG)
		return report_error(report, REPORT_USAGE, EINVAL, NULL,
				    "more than %d words in one line", WORDS_MAX);
	if (count < 0)
		return report_error(report, REPORT_USAGE, EINVAL, NULL,
				    "a double quote is not closed");
	line->count = (size_t)count;
	return 0;
}

/* Returns 1 with the next line, 0 at the end, or -errno with an error that names the place. */
static int next_line(struct batch_file *file, struct batch_line *line, struct report *report)
{
	char *text = NULL;
	int rc = batch_next(&file->reader, &text, &line->number);

	if (!rc)
		return 0;
	if (rc < 0)
		rc = report_error(report, REPORT_USAGE, EINVAL, NULL, "the line holds a NUL byte");
	if (rc > 0) {
		line->copy = strdup(text);
		rc = line->copy ? split(text, line, report)
				: report_errno(report, ENOMEM, "reading the batch");
	}
	if (rc)
		cli_locate_error(report, file->name, line->number);
	return rc ? rc : 1;
}

/* ---- one after the other ---- */

/* Hands the error of one line on, with its place. */
static void pass_error(struct cli *cli, struct cli *one, const struct batch_file *file,
		       const struct batch_line *line)
{
	cli_locate_error(&one->report, file->name, line->number);
	report_error(&cli->report, one->report.kind, EINVAL, one->report.hint, "%s",
		     one->report.error);
}

static int run_line(struct cli *cli, const struct batch_file *file, struct batch_line *line,
		    json_t *done)
{
	_cleanup_(cli_outcome_clear) struct cli_outcome outcome = {0};
	struct cli one = *cli;
	int rc;

	one.report = (struct report){0};
	one.in_batch = true;
	rc = cli_execute(&one, line->words, line->count, &outcome);
	if (rc)
		pass_error(cli, &one, file, line);
	if (cli->options.json) {
		json_t *document = cli_document(&one, &outcome);

		json_array_append_new(done,
				      json_pack("{s:o, s:o}", "command", text_json(line->copy),
						"output", document ? document : json_null()));
	} else if (!rc) {
		cli_print(&one, &outcome);
		json_array_append_new(done, json_true());
	} else {
		cli_print_warnings(cli->err, &one.report);
	}
	if (one.status)
		cli->status = one.status;
	report_clear(&one.report);
	return rc;
}

/* A line that cannot even be split into words; in JSON it has an output like any other. */
static void add_unread(struct cli *cli, const struct batch_line *line, int rc, json_t *done)
{
	struct cli_outcome outcome = {.rc = rc};

	if (cli->options.json)
		json_array_append_new(done,
				      json_pack("{s:o, s:o}", "command", text_json(line->copy),
						"output", cli_document(cli, &outcome)));
}

static int run_next(struct cli *cli, struct batch_file *file, json_t *done)
{
	_cleanup_(batch_line_clear) struct batch_line line = {0};
	int rc = next_line(file, &line, &cli->report);

	if (rc < 0)
		add_unread(cli, &line, rc, done);
	if (rc <= 0)
		return rc;
	rc = run_line(cli, file, &line, done);
	return rc ? rc : 1;
}

static int run_lines(struct cli *cli, struct batch_file *file)
{
	char count[RECORD_COUNT_LEN];
	json_t *done = json_array();
	int rc = 1;

	if (!done)
		return cli_no_memory(cli);
	while (rc > 0)
		rc = run_next(cli, file, done);
	if (cli->options.json)
		render_json(cli->out, done, cli->options.pretty);
	else
		fprintf(cli->out, "%s done%s\n",
			record_count(json_array_size(done), "command", count),
			rc ? ", then stopped" : "");
	cli->printed = true;
	json_decref(done);
	return rc;
}

/* ---- all in one generation ---- */

struct batch_edit {
	size_t number;
	char *copy;
	struct args args;
};

struct batch_edits {
	struct batch_edit *items;
	size_t count, capacity;
};

static void batch_edits_free(struct batch_edits *edits)
{
	for (size_t i = 0; i < edits->count; i++) {
		free(edits->items[i].copy);
		args_clear(&edits->items[i].args);
	}
	free(edits->items);
}

static struct batch_edit *add_edit(struct batch_edits *edits)
{
	if (edits->count == edits->capacity) {
		size_t capacity = edits->capacity ? edits->capacity * 2 : 64;
		struct batch_edit *items = reallocarray(edits->items, capacity, sizeof(*items));

		if (!items)
			return NULL;
		edits->items = items;
		edits->capacity = capacity;
	}
	edits->items[edits->count] = (struct batch_edit){0};
	return &edits->items[edits->count++];
}

static int refuse_reader(const struct cli_outcome *outcome, struct report *report)
{
	const struct command *command = outcome->command;

	return report_error(
		report, REPORT_USAGE, EINVAL, "without `atomic`, a batch takes every command",
		"'%s%s%s' does not edit the policy, and an atomic batch holds only edits",
		outcome->object ? outcome->object->name : "help",
		command && command->verb ? " " : "", command && command->verb ? command->verb : "");
}

/* Words point into the file's text, which outlives the edits. */
static int parse_edit(struct cli *cli, struct batch_line *line, struct batch_edits *edits)
{
	struct batch_edit *edit = add_edit(edits);
	struct cli_outcome outcome = {0};
	struct cli one = *cli;
	int rc;

	if (!edit)
		return cli_no_memory(cli);
	edit->number = line->number;
	edit->copy = TAKE_PTR(line->copy);
	one.in_batch = true;
	rc = cli_parse(&one, line->words, line->count, &outcome, &edit->args);
	if (!rc && (outcome.is_help || !outcome.command->edit))
		rc = refuse_reader(&outcome, &one.report);
	cli->report = one.report;
	return rc;
}

static int parse_edits(struct cli *cli, struct batch_file *file, struct batch_edits *edits)
{
	for (;;) {
		_cleanup_(batch_line_clear) struct batch_line line = {0};
		int rc = next_line(file, &line, &cli->report);

		if (rc <= 0)
			return rc;
		rc = parse_edit(cli, &line, edits);
		if (!rc)
			continue;
		cli_locate_error(&cli->report, file->name, line.number);
		return rc;
	}
}

/* Counts only where an edit says force: it goes through all entries. */
static int run_edit(struct cli *cli, const struct batch_edit *edit, struct policy *policy,
		    struct change_counts *before, json_t *done)
{
	bool force = args_has(&edit->args, "force");
	struct change_counts edit_before, edit_after;
	json_t *output = NULL;
	int rc;

	if (force)
		change_count(policy, &edit_before);
	rc = edit->args.command->edit(cli, &edit->args, policy, &output);
	if (rc) {
		json_decref(output);
		return rc;
	}
	if (force) {
		change_count(policy, &edit_after);
		change_forgive(before, &edit_before, &edit_after);
	}
	json_array_append_new(done, json_pack("{s:o, s:o}", "command", text_json(edit->copy),
					      "output", output));
	return 0;
}

/* `force` in a line does not reach the guards over all of it: say where it goes. */
static int explain_guard(struct report *report, int rc)
{
	char *hint = NULL;

	if (report->kind != REPORT_GUARD)
		return rc;
	if (asprintf(&hint, "%s%sfor all of a batch it is `atomic force`",
		     report->hint ? report->hint : "", report->hint ? "; " : "") < 0)
		return rc;
	free(report->hint);
	report->hint = hint;
	return rc;
}

static int run_edits(struct cli *cli, const struct batch_file *file,
		     const struct batch_edits *edits, bool force, struct gate_change *change,
		     json_t *done)
{
	struct policy *policy = gate_policy(change);
	struct change_counts before;
	int rc;

	change_count(policy, &before);
	for (size_t i = 0; i < edits->count; i++) {
		rc = run_edit(cli, &edits->items[i], policy, &before, done);
		if (!rc)
			continue;
		cli_locate_error(&cli->report, file->name, edits->items[i].number);
		return rc;
	}
	rc = force ? 0 : change_guard(&before, policy, &cli->report);
	return rc ? explain_guard(&cli->report, rc) : 0;
}

static int run_atomic(struct cli *cli, struct batch_file *file, bool force, json_t **result)
{
	_cleanup_(batch_edits_free) struct batch_edits edits = {0};
	_cleanup_(gate_endp) struct gate_change *change = NULL;
	char count[RECORD_COUNT_LEN];
	uint64_t generation;
	json_t *done;
	int rc = parse_edits(cli, file, &edits);

	if (!rc)
		rc = gate_begin(&cli->options.gate, &change, &cli->report);
	if (rc)
		return rc;
	generation = gate_policy(change)->generation;
	done = json_array();
	rc = run_edits(cli, file, &edits, force, change, done);
	if (rc) {
		json_decref(done);
		return rc;
	}
	rc = cli_result(cli, json_pack("{s:o}", "commands", done), result);
	if (!rc)
		rc = cli_set_text(*result, "message", "%s in one step",
				  record_count(edits.count, "edit", count));
	if (!rc)
		rc = change_commit(cli, change, generation, force, result);
	return rc ? explain_guard(&cli->report, rc) : 0;
}

static int batch_run(struct cli *cli, const struct args *args, json_t **result)
{
	_cleanup_(batch_file_close) struct batch_file file = {0};
	int rc = batch_file_open(cli, args_text(args, "file"), &file);

	if (rc)
		return rc;
	if (args_has(args, "atomic"))
		return run_atomic(cli, &file, args_has(args, "force"), result);
	if (args_has(args, "force"))
		return report_error(&cli->report, REPORT_USAGE, EINVAL,
				    "say `force` in the lines that need it",
				    "'force' goes with 'atomic'");
	return run_lines(cli, &file);
}

static void batch_show(const struct cli *cli, const json_t *result)
{
	size_t index;
	json_t *item;

	json_array_foreach(json_object_get(result, "commands"), index, item)
	{
		const json_t *output = json_object_get(item, "output");
		const char *message = json_string_value(json_object_get(output, "message"));

		text_print(cli->out, message ? message : "done", false);
		fputc('\n', cli->out);
	}
	change_show(cli, result);
}

static const struct arg_spec batch_args[] = {
	{.name = "file",
	 .shape = ARG_KEYWORD,
	 .value = VALUE_FILE,
	 .required = true,
	 .help = "a command a line without `apimgate`, '#' begins a comment, \"...\" keeps spaces, "
		 "a backslash at its end continues a line; - is standard input"},
	{.name = "atomic",
	 .shape = ARG_FLAG,
	 .help = "all of them in one generation, or nothing; only commands that edit the policy"},
	{.name = "force",
	 .shape = ARG_FLAG,
	 .help = "with atomic: override the guards over all of it. `force` in a line is for that "
		 "line's own"},
};

static const struct command batch_commands[] = {
	{.help = "run the commands of a file; without `atomic` one after the other, up to the "
		 "first "
		 "error",
	 .args = batch_args,
	 .arg_count = ARRAY_SIZE(batch_args),
	 .flags = COMMAND_ROOT | COMMAND_ALONE,
	 .run = batch_run,
	 .show = batch_show},
};

const struct object object_batch = {
	.name = "batch",
	.help = "many commands in one go, in one step if asked for",
	.commands = batch_commands,
	.command_count = ARRAY_SIZE(batch_commands),
};
