// SPDX-License-Identifier: Apache-2.0
/* doctor: everything that the gate depends on, and the way out of what is wrong. */
#include <string.h>

#include "agent/cli/cli.h"
#include "agent/cli/objects.h"
#include "agent/cli/text.h"
#include "agent/gate/doctor.h"

#define TEXT_COLUMN 6

static const char *level_name(enum doctor_level level)
{
	static const char *const names[] = {
		[DOCTOR_OK] = "ok", [DOCTOR_WARN] = "warn", [DOCTOR_FAIL] = "fail"};

	return names[level];
}

static int doctor_run(struct cli *cli, const struct args *args, json_t **result)
{
	_cleanup_(doctor_free) struct doctor_findings findings = {0};
	int counts[3] = {0};
	json_t *array;
	int rc =
		doctor_examine(&cli->options.gate, args_text(args, "dev"), &findings, &cli->report);

	if (rc)
		return rc;
	array = json_array();
	for (size_t i = 0; i < findings.count; i++) {
		const struct doctor_finding *item = &findings.items[i];

		counts[item->level]++;
		json_array_append_new(
			array, json_pack("{s:s, s:s, s:o, s:o, s:o}", "level",
					 level_name(item->level), "check", item->check, "device",
					 text_json(item->device[0] ? item->device : NULL), "text",
					 text_json(item->text), "hint", text_json(item->hint)));
	}
	if (counts[DOCTOR_FAIL])
		cli->status = REPORT_FAILED;
	return cli_result(cli,
			  json_pack("{s:o, s:i, s:i, s:i}", "findings", array, "ok",
				    counts[DOCTOR_OK], "warn", counts[DOCTOR_WARN], "fail",
				    counts[DOCTOR_FAIL]),
			  result);
}

static void print_wrapped(const struct cli *cli, const char *text, size_t column)
{
	_cleanup_free_ char *safe = text_escape(text, false);

	text_wrap(cli->out, safe ? safe : "", column, TEXT_COLUMN, cli->width);
	fputc('\n', cli->out);
}

static void show_finding(const struct cli *cli, const json_t *finding)
{
	const char *device = json_string_value(json_object_get(finding, "device"));
	const char *text = json_string_value(json_object_get(finding, "text"));
	const char *hint = json_string_value(json_object_get(finding, "hint"));
	int column = fprintf(cli->out,
			     "%-4s  %s%s%s: ", json_string_value(json_object_get(finding, "level")),
			     device ? device : "", device ? " " : "",
			     json_string_value(json_object_get(finding, "check")));

	print_wrapped(cli, text ? text : "", column > 0 ? (size_t)column : 0);
	if (!hint)
		return;
	fprintf(cli->out, "%*s-> ", TEXT_COLUMN, "");
	print_wrapped(cli, hint, TEXT_COLUMN + 3);
}

static void doctor_show(const struct cli *cli, const json_t *result)
{
	size_t index;
	json_t *finding;

	json_array_foreach(json_object_get(result, "findings"), index, finding)
		show_finding(cli, finding);
	fprintf(cli->out, "\n%d ok, %d warn, %d fail\n",
		(int)json_integer_value(json_object_get(result, "ok")),
		(int)json_integer_value(json_object_get(result, "warn")),
		(int)json_integer_value(json_object_get(result, "fail")));
}

static const struct arg_spec doctor_args[] = {
	{.name = "dev",
	 .shape = ARG_KEYWORD,
	 .value = VALUE_DEVICE,
	 .help = "this interface; else those that have the gate, or all"},
};

static const struct command doctor_commands[] = {
	{.help = "examine the kernel, the privileges and the interfaces; changes nothing. The exit "
		 "status is 1 where something fails",
	 .args = doctor_args,
	 .arg_count = ARRAY_SIZE(doctor_args),
	 .flags = COMMAND_ROOT,
	 .run = doctor_run,
	 .show = doctor_show},
};

const struct object object_doctor = {
	.name = "doctor",
	.help = "what the gate depends on, and the way out of what is wrong",
	.commands = doctor_commands,
	.command_count = ARRAY_SIZE(doctor_commands),
};
