// SPDX-License-Identifier: Apache-2.0
/*
 * complete -- WORDS...: what the last word could become, one candidate a line,
 * for the completion of a shell. "@file" says that it is a file name. Names of
 * sets, services and prefixes come from the gate that the options before them
 * name; where it cannot be read there are simply none.
 */
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "agent/cli/cli.h"
#include "agent/cli/objects.h"
#include "agent/cli/text.h"

/* More prefixes than this help nobody, and keep a shell busy. */
#define MAX_PREFIXES 500

struct completion {
	struct cli *cli;
	const char *word;   /* that is to be completed */
	const char *prefix; /* what stands before it in a list */
	size_t prefix_length;
	struct policy *policy; /* NULL: not read yet, or it cannot be */
};

/* Returns whether it fits what is there of the word. */
static bool offer(const struct completion *completion, const char *candidate)
{
	if (strncmp(candidate, completion->word, strlen(completion->word)) != 0)
		return false;
	fprintf(completion->cli->out, "%.*s%s\n", (int)completion->prefix_length,
		completion->prefix, candidate);
	return true;
}

static const struct policy *read_policy(struct completion *completion)
{
	struct report ignored = {0};

	if (!completion->policy &&
	    gate_read_policy(&completion->cli->options.gate, &completion->policy, NULL, &ignored))
		completion->policy = NULL;
	report_clear(&ignored);
	return completion->policy;
}

static void offer_sets(struct completion *completion)
{
	const struct policy *policy = read_policy(completion);

	for (size_t i = 0; policy && i < GATE_MAX_SETS; i++)
		if (policy->sets[i].name[0])
			offer(completion, policy->sets[i].name);
}

static void offer_services(struct completion *completion)
{
	const struct policy *policy = read_policy(completion);

	for (size_t i = 0; policy && i < GATE_MAX_SERVICES; i++)
		if (policy->services[i].name[0])
			offer(completion, policy->services[i].name);
}

static void offer_prefixes(struct completion *completion)
{
	const struct policy *policy = read_policy(completion);

	size_t offered = 0;

	for (size_t i = 0; policy && i < policy->entry_count && offered < MAX_PREFIXES; i++) {
		char text[PREFIX_TEXT_LEN];

		if (i &&
		    !prefix_compare(&policy->entries[i - 1].prefix, &policy->entries[i].prefix))
			continue;
		offered += offer(completion, prefix_format(&policy->entries[i].prefix, text));
	}
}

static void offer_devices(const struct completion *completion)
{
	struct if_nameindex *devices = if_nameindex();

	for (size_t i = 0; devices && devices[i].if_index; i++)
		offer(completion, devices[i].if_name);
	if (devices)
		if_freenameindex(devices);
}

/* Of a list, only what stands behind the last comma is completed. */
static void enter_list(struct completion *completion)
{
	const char *comma = strrchr(completion->word, ',');

	if (!comma)
		return;
	completion->prefix = completion->word;
	completion->prefix_length = (size_t)(comma + 1 - completion->word);
	completion->word = comma + 1;
}

static void offer_words(const struct completion *completion, const char *const *words)
{
	for (size_t i = 0; words[i]; i++)
		offer(completion, words[i]);
}

static void offer_value(struct completion *completion, const struct arg_spec *spec)
{
	static const char *const protocols[] = {"tcp", "udp", "icmp", "icmp6", NULL};

	switch (spec->value) {
	case VALUE_SETS:
		enter_list(completion);
		offer_sets(completion);
		break;
	case VALUE_SET:
		offer_sets(completion);
		break;
	case VALUE_SERVICE:
		offer_services(completion);
		break;
	case VALUE_DEVICE:
		offer_devices(completion);
		break;
	case VALUE_PREFIX:
		offer_prefixes(completion);
		break;
	case VALUE_PROTOCOL:
		offer_words(completion, protocols);
		break;
	case VALUE_CHOICE:
		offer_words(completion, spec->choices);
		break;
	case VALUE_FILE:
		fputs("@file\n", completion->cli->out);
		break;
	default: /* nothing that could be known */
		break;
	}
}

static void offer_options(const struct completion *completion)
{
	size_t count;
	const struct option_row *rows = options_table(&count);

	for (size_t i = 0; i < count; i++) {
		char name[32];

		snprintf(name, sizeof(name), "--%s", rows[i].name);
		offer(completion, name);
	}
}

static void offer_objects(const struct completion *completion)
{
	const struct object *const *objects = table_objects();

	for (size_t i = 0; objects[i]; i++)
		if (!objects[i]->hidden)
			offer(completion, objects[i]->name);
}

static void offer_commands(const struct completion *completion, const struct object *object)
{
	for (size_t i = 0; object_has_verbs(object) && i < object->command_count; i++)
		offer(completion, object->commands[i].verb);
}

static void offer_keywords(const struct completion *completion, const struct args_walk *walk)
{
	for (size_t i = 0; i < walk->command->arg_count; i++)
		if (walk->command->args[i].shape != ARG_POSITIONAL && !walk->given[i])
			offer(completion, walk->command->args[i].name);
}

/* Takes options; false where the last of them still waits for its value, a path. */
static bool skip_options(struct completion *completion, char *const *words, size_t count,
			 size_t *at)
{
	struct report ignored = {0};
	bool is_fine = true;

	while (is_fine && *at < count && options_is_option(words[*at]))
		is_fine = !options_take(&completion->cli->options, words, count, at, &ignored);
	report_clear(&ignored);
	return is_fine;
}

static void complete_args(struct completion *completion, const struct object *object,
			  const struct command *command, char *const *words, size_t count)
{
	struct args_walk walk;
	int positional;

	args_walk_start(&walk, object, command);
	for (size_t at = 0; at < count;) {
		struct report ignored = {0};
		bool is_value, is_wrong;

		if (walk.pending < 0 && options_is_option(words[at])) {
			if (!skip_options(completion, words, count, &at)) {
				fputs("@file\n", completion->cli->out);
				return;
			}
			continue;
		}
		is_wrong = args_walk_step(&walk, words[at++], &is_value, &ignored) < 0;
		report_clear(&ignored);
		if (is_wrong)
			return;
	}
	positional = args_walk_positional(&walk);
	if (walk.pending >= 0)
		offer_value(completion, &command->args[walk.pending]);
	else if (completion->word[0] == '-')
		offer_options(completion);
	else if (positional >= 0)
		offer_value(completion, &command->args[positional]);
	if (walk.pending < 0 && (positional < 0 || !command->args[positional].required))
		offer_keywords(completion, &walk);
}

/* `help`, with the object and the command as words. */
static void complete_help(const struct completion *completion, char *const *words, size_t count)
{
	const struct object *object = NULL;
	struct report ignored = {0};

	if (!count)
		offer_objects(completion);
	else if (count == 1 && !table_find_object(words[0], &object, &ignored))
		offer_commands(completion, object);
	report_clear(&ignored);
}

static void complete_object(struct completion *completion, const struct object *object,
			    char *const *words, size_t count)
{
	const struct command *command = &object->commands[0];
	struct report ignored = {0};
	size_t at = 0;

	if (!count && completion->word[0] != '-')
		offer(completion, "help");
	if (!object_has_verbs(object)) {
		complete_args(completion, object, command, words, count);
		return;
	}
	if (!skip_options(completion, words, count, &at))
		fputs("@file\n", completion->cli->out);
	else if (at == count && completion->word[0] == '-')
		offer_options(completion);
	else if (at == count)
		offer_commands(completion, object);
	else if (!strcmp(words[at], "help") && at + 1 == count)
		offer_commands(completion, object);
	else if (!table_find_command(object, words[at], &command, &ignored))
		complete_args(completion, object, command, words + at + 1, count - at - 1);
	report_clear(&ignored);
}

/* words: those before the one that is completed. */
static void complete(struct completion *completion, char *const *words, size_t count)
{
	const struct object *object = NULL;
	struct report ignored = {0};
	size_t at = 0;

	if (!skip_options(completion, words, count, &at)) {
		fputs("@file\n", completion->cli->out);
		return;
	}
	if (at == count && completion->word[0] == '-')
		offer_options(completion);
	else if (at == count)
		offer_objects(completion);
	else if (table_find_object(words[at], &object, &ignored))
		;
	else if (object == &object_help)
		complete_help(completion, words + at + 1, count - at - 1);
	else
		complete_object(completion, object, words + at + 1, count - at - 1);
	report_clear(&ignored);
}

int cli_complete(struct cli *cli, char *const *words, size_t count)
{
	struct completion completion = {.cli = cli, .word = count ? words[count - 1] : ""};

	complete(&completion, words, count ? count - 1 : 0);
	policy_free(completion.policy);
	return 0;
}

/* Any words may follow --, so cli_main() hands them over before anything is read. */
static int complete_run(struct cli *cli, const struct args *args, json_t **result)
{
	(void)args;
	(void)result;
	return report_error(&cli->report, REPORT_USAGE, EINVAL,
			    "usage: apimgate complete -- WORDS...", "complete: '--' is missing");
}

static const struct command complete_commands[] = {
	{.help = "print what the last of the words after -- could become",
	 .flags = COMMAND_ALONE,
	 .run = complete_run},
};

const struct object object_complete = {
	.name = "complete",
	.help = "candidates for the completion of a shell",
	.commands = complete_commands,
	.command_count = ARRAY_SIZE(complete_commands),
	.hidden = true,
};
