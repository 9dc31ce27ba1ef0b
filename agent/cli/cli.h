/* SPDX-License-Identifier: Apache-2.0 */
/* One run of the command line: its options, where it prints, and what it has to report. */
#ifndef APIMGATE_CLI_CLI_H
#define APIMGATE_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "agent/cli/args.h"
#include "agent/cli/options.h"
#include "agent/cli/table.h"
#include "agent/gate/gate.h"

#ifndef APIMGATE_VERSION
#define APIMGATE_VERSION "0.1.0"
#endif

struct cli {
	struct options options;
	FILE *out;
	FILE *err;
	size_t width;  /* of the terminal that out is; 0: not a terminal */
	bool in_batch; /* the words come from a batch file */
	bool printed;  /* JSON: the document is out already, with the error if there is one */
	int status;    /* exit status of a command that worked and found something bad */
	struct report report;
};

/* What one command line came to. Free it with cli_outcome_clear(). */
struct cli_outcome {
	const struct object *object; /* NULL: not found, or none (help of all) */
	const struct command *command;
	bool is_help; /* help is asked for: of the object and command, where there are any */
	json_t *result;
	int rc;
};

void cli_init(struct cli *cli, FILE *out, FILE *err);

/* Reads the words and runs what they say. Returns 0 or -errno, as in out->rc. */
int cli_execute(struct cli *cli, char *const *words, size_t count, struct cli_outcome *out);

/*
 * Only reads them: the object, the command, whether help is asked for, and the
 * arguments. args_clear() afterwards, also after an error.
 */
int cli_parse(struct cli *cli, char *const *words, size_t count, struct cli_outcome *out,
	      struct args *args);

/*
 * The outcome as one JSON document: the result with its warnings, or the
 * error. NULL where the command has printed for itself. A new reference.
 */
json_t *cli_document(struct cli *cli, const struct cli_outcome *outcome);

/* Prints an outcome in the mode of the options. */
void cli_print(struct cli *cli, const struct cli_outcome *outcome);

/*
 * Prints what the last word could become after those before it, one candidate
 * a line; the shell's completion calls `apimgate complete -- WORDS...`.
 */
int cli_complete(struct cli *cli, char *const *words, size_t count);

int cli_status(const struct cli *cli, const struct cli_outcome *outcome);
void cli_outcome_clear(struct cli_outcome *outcome);

/* All of it: what main() does. Returns the exit status. */
int cli_main(struct cli *cli, int argc, char **argv);

/* ---- for handlers ---- */

/* Out of memory: -ENOMEM with an error. */
int cli_no_memory(struct cli *cli);

/* `return cli_result(cli, json_pack(...), result)`: takes the reference, checks for NULL. */
int cli_result(struct cli *cli, json_t *made, json_t **result);

/* Adds a text member made by printf(), such as "message". */
int cli_set_text(json_t *object, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Warns where a policy is shown that no kernel runs. */
void cli_warn_not_loaded(struct cli *cli, bool loaded);

/* The policy that is in force, with that warning. */
int cli_read_policy(struct cli *cli, struct policy **out);

/* Puts "FILE:LINE: " before the error. */
void cli_locate_error(struct report *report, const char *file, size_t line);

/* Prints an error or the warnings as text. */
void cli_print_error(FILE *out, const struct report *report);
void cli_print_warnings(FILE *out, const struct report *report);

#endif
