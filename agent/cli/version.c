// SPDX-License-Identifier: Apache-2.0
/* version: what this program is, and what runs. */
#include <bpf/libbpf.h>

#include "agent/cli/cli.h"
#include "agent/cli/objects.h"
#include "agent/cli/render.h"

static int version_run(struct cli *cli, const struct args *args, json_t **result)
{
	(void)args;
	return cli_result(cli,
			  json_pack("{s:s, s:s, s:i, s:s}", "version", APIMGATE_VERSION,
				    "program_build", gate_build(), "layout", GATE_LAYOUT, "libbpf",
				    libbpf_version_string()),
			  result);
}

static const struct view_column columns[] = {
	{.title = "apimgate", .key = "version"},
	{.title = "program build", .key = "program_build"},
	{.title = "layout", .key = "layout"},
	{.title = "libbpf", .key = "libbpf"},
};

static const struct view_section sections[] = {
	{.columns = columns, .column_count = ARRAY_SIZE(columns)},
};

static const struct view version_view = {sections, ARRAY_SIZE(sections)};

static const struct command version_commands[] = {
	{.help = "the version of apimgate, the build and the layout of its program, and libbpf",
	 .run = version_run,
	 .view = &version_view},
};

const struct object object_version = {
	.name = "version",
	.help = "which version this is",
	.commands = version_commands,
	.command_count = ARRAY_SIZE(version_commands),
};
