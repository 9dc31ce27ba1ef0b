// SPDX-License-Identifier: Apache-2.0
/* restore: makes the kernel match the policy, at boot and after an upgrade. */
#include "agent/cli/cli.h"
#include "agent/cli/objects.h"
#include "agent/cli/render.h"
#include "agent/cli/text.h"

struct restored {
	struct gate_restored_link *links;
	size_t count;
};

static void restored_free(struct restored *restored)
{
	if (restored->links)
		gate_free_restored(restored->links, restored->count);
}

static const char *restored_name(enum gate_restored what)
{
	switch (what) {
	case GATE_RESTORED_SAME:
		return "same";
	case GATE_RESTORED_ATTACHED:
		return "attached";
	case GATE_RESTORED_UPGRADED:
		return "upgraded";
	case GATE_RESTORED_FAILED:
		return "failed";
	}
	return "unknown";
}

static json_t *links_json(const struct restored *restored)
{
	json_t *array = json_array();

	for (size_t i = 0; i < restored->count; i++) {
		const struct gate_restored_link *link = &restored->links[i];

		json_array_append_new(array, json_pack("{s:o, s:s, s:o}", "device",
						       text_json(link->device), "result",
						       restored_name(link->what), "error",
						       text_json(link->error)));
	}
	return array;
}

static int restore_run(struct cli *cli, const struct args *args, json_t **result)
{
	_cleanup_(gate_endp) struct gate_change *change = NULL;
	_cleanup_(restored_free) struct restored restored = {0};
	int made, rc = gate_begin(&cli->options.gate, &change, &cli->report);

	(void)args;
	if (rc)
		return rc;
	/* What was done is told also where one of the links failed. */
	rc = gate_restore(change, &restored.links, &restored.count, &cli->report);
	made = cli_result(cli,
			  json_pack("{s:I, s:o}", "generation",
				    (json_int_t)gate_policy(change)->generation, "links",
				    links_json(&restored)),
			  result);
	return rc ? rc : made;
}

static const struct view_column columns[] = {
	{.title = "DEVICE", .key = "device"},
	{.title = "RESULT", .key = "result"},
	{.title = "ERROR", .key = "error", .shrinks = true},
};

static const struct view_section sections[] = {
	{.key = "links",
	 .empty = "the policy is loaded; it has no links to attach",
	 .columns = columns,
	 .column_count = ARRAY_SIZE(columns)},
};

static const struct view restore_view = {sections, ARRAY_SIZE(sections)};

static const struct command restore_commands[] = {
	{.help = "load the saved policy if none is loaded, attach the links that should be there, "
		 "and replace programs of another version without a gap",
	 .flags = COMMAND_ROOT,
	 .run = restore_run,
	 .view = &restore_view},
};

const struct object object_restore = {
	.name = "restore",
	.help = "make the kernel match the saved state (boot, upgrade)",
	.commands = restore_commands,
	.command_count = ARRAY_SIZE(restore_commands),
};
