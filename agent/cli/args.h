/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words after a command, read by its row of the table. A word is, in this
 * order: the value that the keyword before it asks for, an option, the next
 * positional argument, or a keyword (also as a unique prefix).
 */
#ifndef APIMGATE_CLI_ARGS_H
#define APIMGATE_CLI_ARGS_H

#include "agent/base/prefix.h"
#include "agent/cli/options.h"
#include "agent/cli/table.h"
#include "agent/gate/policy.h"

#define ARGS_MAX 12

/* One argument that was given. Which members hold something depends on the kind. */
struct arg {
	bool given;
	const char *text;     /* as it was written; belongs to the words */
	uint64_t number;      /* number, seconds, protocol; a choice's index */
	struct prefix prefix; /* prefix, address */
	size_t count;	      /* of the list */
	struct prefix *prefixes;
	struct policy_ports *ports;
	char **names;
};

struct args {
	const struct object *object;
	const struct command *command;
	struct arg *values; /* by position in the command's specs; owned */
};

/* What the next word would be. Completion walks the same steps as parsing. */
struct args_walk {
	const struct object *object;
	const struct command *command;
	bool given[ARGS_MAX];
	int pending; /* the keyword that waits for its value, -1: none */
};

void args_walk_start(struct args_walk *walk, const struct object *object,
		     const struct command *command);

/* The positional argument that the next word is, -1: it is a keyword (or an option). */
int args_walk_positional(const struct args_walk *walk);

/*
 * Takes one word. Returns the argument whose value it is, with *is_value, or
 * the argument that it names; or -EINVAL with an error.
 */
int args_walk_step(struct args_walk *walk, const char *word, bool *is_value, struct report *report);

/*
 * Reads all words. options: where options among them go; NULL where none are
 * accepted (a batch). With options->help set, missing arguments are no error.
 * args_clear() also after an error.
 */
int args_parse(struct args *args, const struct object *object, const struct command *command,
	       struct options *options, char *const *words, size_t count, struct report *report);
void args_clear(struct args *args);

/*
 * The argument of that name, NULL where it was not given. The name must be one
 * of the command's; asking for another one is a bug, and ends the program.
 */
const struct arg *args_get(const struct args *args, const char *name);
const char *args_text(const struct args *args, const char *name);
/* Was it given? Also for a name that the command does not have. */
bool args_has(const struct args *args, const char *name);

/* ---- values ---- */

/* Reads one value of the spec's kind into *out. */
int value_parse(const struct arg_spec *spec, const char *text, struct arg *out,
		struct report *report);
void value_clear(struct arg *value);

/* An error about a prefix, with the canonical form where it has host bits. */
int value_refuse_prefix(enum prefix_problem problem, const char *text, const struct prefix *prefix,
			struct report *report);

/* "tcp", "icmp6", or the number. Writes into out where it is a number; returns the text. */
const char *value_protocol_name(uint8_t proto, char out[8]);

#endif
