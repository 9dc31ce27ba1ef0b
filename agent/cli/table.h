/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command table: every object, command and argument of the command line,
 * declared once. Parsing, help, completion, the synopsis lines and the checks
 * of the manual pages all come from it.
 *
 * Each object's file exports its rows as one `struct object`; table.c collects
 * them. A new command is a row and a handler, and nothing else.
 */
#ifndef APIMGATE_CLI_TABLE_H
#define APIMGATE_CLI_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/cleanup.h"
#include "agent/base/report.h"

struct args;
struct cli;
struct policy;
struct view;

enum arg_shape {
	ARG_POSITIONAL, /* taken in order, before every keyword */
	ARG_KEYWORD,	/* `name VALUE`, in any order */
	ARG_FLAG,	/* `name` alone */
};

/* VALUE(SYMBOL, name in `help -j`, how a synopsis shows it) */
#define VALUE_KINDS(VALUE)                                \
	VALUE(NONE, "none", "")                           \
	VALUE(NAME, "name", "NAME")                       \
	VALUE(SET, "set", "SET")                          \
	VALUE(SETS, "sets", "SET[,SET...]")               \
	VALUE(SERVICE, "service", "NAME")                 \
	VALUE(DEVICE, "device", "NAME")                   \
	VALUE(PREFIX, "prefix", "PREFIX")                 \
	VALUE(PREFIXES, "prefixes", "PREFIX[,PREFIX...]") \
	VALUE(ADDRESS, "address", "ADDRESS")              \
	VALUE(NUMBER, "number", "NUMBER")                 \
	VALUE(DURATION, "duration", "DURATION")           \
	VALUE(SECONDS, "seconds", "SECONDS")              \
	VALUE(PORTS, "ports", "PORT[-PORT][,...]")        \
	VALUE(PROTOCOL, "protocol", "PROTOCOL")           \
	VALUE(CHOICE, "choice", "")                       \
	VALUE(OBJECT, "object", "OBJECT")                 \
	VALUE(FILE, "file", "FILE")                       \
	VALUE(TEXT, "text", "TEXT")

#define VALUE_ENUM(symbol, name, metavar) VALUE_##symbol,
enum value_kind { VALUE_KINDS(VALUE_ENUM) VALUE_KIND_COUNT };
#undef VALUE_ENUM

struct arg_spec {
	const char *name; /* the keyword; of a positional: what handlers ask for */
	enum arg_shape shape;
	enum value_kind value;
	bool required;
	const char *metavar;	    /* what stands for the value; NULL: the kind's own */
	const char *const *choices; /* of VALUE_CHOICE; ends with NULL */
	uint64_t min, max;	    /* of numbers and durations (seconds) */
	const char *help;
};

enum command_flags {
	COMMAND_ROOT = 1,    /* needs root, or the capabilities */
	COMMAND_STREAMS = 2, /* may run until it is stopped: not in a batch */
	COMMAND_ALONE = 4,   /* not in a batch for another reason: it is one */
};

/* Runs and makes a result, or prints for itself and leaves *result alone. */
typedef int (*command_run)(struct cli *cli, const struct args *args, json_t **result);

/*
 * Changes the policy, and makes a result with the text member "message". The
 * caller begins and commits, so that the same function serves one command and
 * an atomic batch.
 */
typedef int (*command_edit)(struct cli *cli, const struct args *args, struct policy *policy,
			    json_t **result);

/* Shows a result as text, where a view is not enough. */
typedef void (*command_show)(const struct cli *cli, const json_t *result);

struct command {
	const char *verb; /* NULL: the object's only command */
	const char *help;
	const struct arg_spec *args;
	size_t arg_count;
	unsigned int flags;
	command_run run; /* one of these two */
	command_edit edit;
	const struct view *view; /* one of these two; an edit needs none */
	command_show show;
};

struct object {
	const char *name;
	const char *help;
	const struct command *commands;
	size_t command_count;
	bool hidden; /* not in help and completion, and never matched by a prefix */
};

/* All objects; the array ends with NULL. */
const struct object *const *table_objects(void);

/* Does the object have verbs, or is it a command by itself? */
static inline bool object_has_verbs(const struct object *object)
{
	return object->commands[0].verb != NULL;
}

const char *value_kind_name(enum value_kind kind);
const char *value_metavar(const struct arg_spec *spec);

/* ---- matching words: exact, or a prefix that only one candidate has ---- */

#define CANDIDATES_MAX 32

struct candidates {
	const char *words[CANDIDATES_MAX];
	size_t count;
};

void candidates_add(struct candidates *candidates, const char *word);

/* The index, -ENOENT where none matches, or -ENOTUNIQ. */
int candidates_match(const struct candidates *candidates, const char *word);

/*
 * The same with an error: `what` says what was looked for ("object", "command
 * of link"). The error names the word, the hint what is accepted.
 */
int candidates_find(const struct candidates *candidates, const char *word, const char *what,
		    struct report *report);

/* The object of that name or unique prefix; 0 or -errno with an error. */
int table_find_object(const char *word, const struct object **out, struct report *report);
int table_find_command(const struct object *object, const char *word, const struct command **out,
		       struct report *report);

/* "apimgate allow add PREFIX [set SET] ...", owned by the caller. NULL: out of memory. */
char *table_synopsis(const struct object *object, const struct command *command);

/* "set SET", "force", "pass|drop": one argument as a synopsis shows it, without brackets. */
void table_write_arg(FILE *out, const struct arg_spec *spec);

#endif
