// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/words.h"
#include "agent/cli/cli.h"
#include "agent/cli/objects.h"

/* A command line, read and not run. */
struct line {
	struct cli cli;
	struct cli_outcome outcome;
	struct args args;
	char *text;
	char *words[64];
	int rc;
};

static void read_line(struct line *line, const char *text, bool in_batch)
{
	int count;

	*line = (struct line){0};
	cli_init(&line->cli, stdout, stderr);
	line->cli.in_batch = in_batch;
	line->text = strdup(text);
	count = words_split(line->text, line->words, 64);
	assert_true(count >= 0);
	line->rc = cli_parse(&line->cli, line->words, (size_t)count, &line->outcome, &line->args);
	if (line->rc)
		assert_int_not_equal(line->cli.report.kind, REPORT_OK);
	else
		assert_int_equal(line->cli.report.kind, REPORT_OK);
}

static void line_clear(struct line *line)
{
	args_clear(&line->args);
	report_clear(&line->cli.report);
	free(line->text);
}

static bool contains(const char *text, const char *part)
{
	return text && strstr(text, part);
}

static void accept_as(const char *text, const char *object, const char *verb)
{
	struct line line;

	read_line(&line, text, false);
	if (line.rc)
		print_error("%s: %s\n", text, line.cli.report.error);
	assert_int_equal(line.rc, 0);
	assert_string_equal(line.outcome.object->name, object);
	if (verb)
		assert_string_equal(line.outcome.command->verb, verb);
	else
		assert_null(line.outcome.command->verb);
	line_clear(&line);
}

/* The error or its hint holds `part`, and the kind is usage. */
static void refuse(const char *text, const char *part)
{
	struct line line;

	read_line(&line, text, false);
	assert_int_equal(line.rc, -EINVAL);
	assert_int_equal(line.cli.report.kind, REPORT_USAGE);
	if (!contains(line.cli.report.error, part) && !contains(line.cli.report.hint, part)) {
		print_error("%s: '%s' (%s) lacks '%s'\n", text, line.cli.report.error,
			    line.cli.report.hint, part);
		fail();
	}
	line_clear(&line);
}

static void test_words_find_their_command(void **state)
{
	(void)state;
	accept_as("link show", "link", "show");
	accept_as("link", "link", "show");
	accept_as("li sh", "link", "show");
	accept_as("set", "set", "show");
	accept_as("stats show watch", "stats", "show");
	accept_as("default", "default", "show");
	accept_as("def set drop", "default", "set");
	accept_as("event", "event", "tail");
	accept_as("doctor", "doctor", NULL);
	accept_as("doc dev eth0", "doctor", NULL);
	accept_as("restore", "restore", NULL);
	accept_as("-j version", "version", NULL);
	accept_as("--version", "version", NULL);
	accept_as("allow add 20.1.2.0/24 s apim c why e 2h fo", "allow", "add");
	accept_as("link attach dev eth0 mode nat aud force", "link", "attach");
}

static void test_words_that_are_wrong_are_named(void **state)
{
	(void)state;
	refuse("", "no object");
	refuse("lnk", "'lnk'");
	refuse("lnk", "link, set, allow");
	refuse("s", "set, service or stats");
	refuse("se show", "set or service");
	refuse("link a", "attach or audit");
	refuse("link atach", "attach, enforce");
	refuse("allow set apim", "command of allow");
	refuse("link show now", "one word too many");
	refuse("set show a b", "one word too many");
	refuse("service add web p tcp", "proto or port");
	refuse("allow add 1.2.3.4 sett apim", "accepted here");
	refuse("link attach dev eth0 dev eth1", "given twice");
	refuse("link attach dev eth0 force force", "given twice");
	refuse("comp", "unknown object"); /* hidden: by its whole name only */
	refuse("help lnk", "unknown object");
	refuse("help link nix", "command of link");
	refuse("link help show more", "one word too many");
}

static void test_what_is_missing_is_named(void **state)
{
	(void)state;
	refuse("allow add", "'PREFIX' is missing");
	refuse("allow add", "usage: apimgate allow add PREFIX");
	refuse("link attach", "'dev NAME' is missing");
	refuse("link attach dev", "'dev' needs a value");
	refuse("allow load file x", "'set SET' is missing");
	refuse("service add web", "'proto tcp|udp|any' is missing");
	refuse("default set", "'pass|drop' is missing");
	refuse("check src 1.2.3.4", "'dst ADDRESS' is missing");
	refuse("batch atomic", "'file FILE' is missing");
}

static void test_values(void **state)
{
	(void)state;
	refuse("allow add 20.1.2.3/24", "the prefix is 20.1.2.0/24");
	refuse("allow add 2001:db8::1/32", "the prefix is 2001:db8::/32");
	refuse("allow add 20.1.2.0/33", "0 to 32");
	refuse("allow add 20.1.2", "not an IP prefix");
	refuse("allow add \"\"", "not an IP prefix");
	refuse("allow add ::ffff:1.2.3.4", "not an IP prefix");
	refuse("set add a/b", "not a name");
	refuse("set add -x", "unknown option");
	refuse("set add \"\"", "not a name");
	refuse("set add 12345678901234567890123456789012", "not a name");
	refuse("link attach dev a/b", "not the name of an interface");
	refuse("link attach dev \"\"", "not the name of an interface");
	refuse("link attach dev ..", "not the name of an interface");
	refuse("link attach dev 1234567890123456", "not the name of an interface");
	refuse("link attach dev eth0 mode turbo", "auto, native, generic");
	refuse("default set maybe", "pass, drop");
	refuse("event tail count 0", "out of range");
	refuse("event tail count 1x", "not a number");
	refuse("event tail count 99999999999999999999999", "not a number");
	refuse("event tail pcap \"\"", "not a file name");
	refuse("check src 1.2.3.0/24 dst 1.2.3.4 proto tcp", "not an IP address");
	refuse("check src 1.2.3.4 dst 1.2.3.4 proto tcpp", "not a protocol");
	refuse("check src 1.2.3.4 dst 1.2.3.4 proto 256", "not a protocol");
	refuse("check src 1.2.3.4 dst 1.2.3.4 proto tcp dport 65536", "0 to 65535");
	refuse("service add web proto tcp from a,,b", "not a name");
	refuse("service add web proto tcp to 10.0.0.0/8,10.1.1.1/8 from a", "10.0.0.0/8");
	refuse("allow add 1.2.3.4 comment \"a\x1b[2Jb\"", "cannot be shown");
	refuse("allow add 1.2.3.4 comment \"\xff\"", "cannot be shown");
}

static void check_ports(const char *ports, const char *expected)
{
	char text[128], joined[256] = "";
	const struct arg *arg;
	struct line line;

	snprintf(text, sizeof(text), "service add web proto tcp port %s from a", ports);
	read_line(&line, text, false);
	assert_int_equal(line.rc, 0);
	arg = args_get(&line.args, "port");
	for (size_t i = 0; i < arg->count; i++) {
		char one[32];

		snprintf(one, sizeof(one), "%s%u-%u", i ? "," : "", arg->ports[i].first,
			 arg->ports[i].last);
		strcat(joined, one);
	}
	assert_string_equal(joined, expected);
	line_clear(&line);
}

static void refuse_ports(const char *ports, const char *part)
{
	char text[512];

	snprintf(text, sizeof(text), "service add web proto tcp port %s from a", ports);
	refuse(text, part);
}

static void test_ports(void **state)
{
	char many[256] = "1";

	(void)state;
	check_ports("443", "443-443");
	check_ports("1-65535", "1-65535");
	check_ports("443,8443-8450,80", "443-443,8443-8450,80-80");
	refuse_ports("8450-8443", "write 8443-8450");
	refuse_ports("0", "1 to 65535");
	refuse_ports("65536", "1 to 65535");
	refuse_ports("80,", "not a list of ports");
	refuse_ports(",80", "not a list of ports");
	refuse_ports("80-", "not a list of ports");
	refuse_ports("-80", "not a list of ports");
	refuse_ports("80-90-100", "not a list of ports");
	refuse_ports("http", "not a list of ports");
	refuse_ports("+80", "not a list of ports");
	for (int i = 0; i < 31; i++)
		strcat(many, ",1");
	check_ports("1,2", "1-1,2-2");
	strcat(many, ",1");
	refuse_ports(many, "more than 32");
}

static void check_duration(const char *command, const char *name, uint64_t expected)
{
	struct line line;

	read_line(&line, command, false);
	assert_int_equal(line.rc, 0);
	assert_int_equal(args_get(&line.args, name)->number, expected);
	line_clear(&line);
}

static void test_durations(void **state)
{
	(void)state;
	check_duration("allow add 1.2.3.4 expires 90s", "expires", 90);
	check_duration("allow add 1.2.3.4 expires 10m", "expires", 600);
	check_duration("allow add 1.2.3.4 expires 2h", "expires", 7200);
	check_duration("allow add 1.2.3.4 expires 7d", "expires", 7 * 86400);
	check_duration("allow add 1.2.3.4 expires 1h30m", "expires", 5400);
	check_duration("link enforce dev eth0 confirm 60", "confirm", 60);
	check_duration("link enforce dev eth0 confirm 5m", "confirm", 300);
	refuse("allow add 1.2.3.4 expires 90", "it has no unit");
	refuse("allow add 1.2.3.4 expires 1h30", "it has no unit");
	refuse("allow add 1.2.3.4 expires h", "not a duration");
	refuse("allow add 1.2.3.4 expires \"\"", "not a duration");
	refuse("allow add 1.2.3.4 expires -1h", "not a duration");
	refuse("allow add 1.2.3.4 expires 0s", "too short");
	refuse("allow add 1.2.3.4 expires 99999d", "too long");
	refuse("allow add 1.2.3.4 expires 99999999999999999999d", "too long");
	refuse("allow add 1.2.3.4 expires 2w", "no such unit");
	refuse("link enforce dev eth0 confirm 0", "too short");
}

static void test_given_values_are_found(void **state)
{
	struct line line;

	(void)state;
	read_line(&line, "service add web proto udp to 10.0.0.4,2001:db8::/32 from a,mgmt", false);
	assert_int_equal(line.rc, 0);
	assert_string_equal(args_text(&line.args, "name"), "web");
	assert_int_equal(args_get(&line.args, "proto")->number, 1);
	assert_int_equal(args_get(&line.args, "to")->count, 2);
	assert_int_equal(args_get(&line.args, "to")->prefixes[1].family, 6);
	assert_int_equal(args_get(&line.args, "from")->count, 2);
	assert_string_equal(args_get(&line.args, "from")->names[0], "a");
	assert_string_equal(args_get(&line.args, "from")->names[1], "mgmt");
	assert_null(args_get(&line.args, "port"));
	assert_false(args_has(&line.args, "force"));
	assert_false(args_has(&line.args, "no such argument"));
	line_clear(&line);
}

static void test_values_may_look_like_keywords(void **state)
{
	struct line line;

	(void)state;
	read_line(&line, "allow add 1.2.3.4 comment set set comment", false);
	assert_int_equal(line.rc, 0);
	assert_string_equal(args_text(&line.args, "comment"), "set");
	assert_string_equal(args_text(&line.args, "set"), "comment");
	line_clear(&line);
	read_line(&line, "allow add 1.2.3.4 comment --json", false);
	assert_int_equal(line.rc, 0);
	assert_string_equal(args_text(&line.args, "comment"), "--json");
	assert_false(line.cli.options.json);
	line_clear(&line);
	read_line(&line, "set add force", false);
	assert_int_equal(line.rc, 0);
	assert_string_equal(args_text(&line.args, "name"), "force");
	line_clear(&line);
}

static void test_options(void **state)
{
	struct line line;

	(void)state;
	read_line(&line, "-p --pin-dir /a --state-dir=/b --no-save link show", false);
	assert_int_equal(line.rc, 0);
	assert_true(line.cli.options.json && line.cli.options.pretty);
	assert_true(line.cli.options.gate.no_save);
	assert_string_equal(line.cli.options.gate.pin_dir, "/a");
	assert_string_equal(line.cli.options.gate.state_dir, "/b");
	line_clear(&line);
	read_line(&line, "link -j show --pin-dir /c", false);
	assert_int_equal(line.rc, 0);
	assert_true(line.cli.options.json && !line.cli.options.pretty);
	assert_string_equal(line.cli.options.gate.pin_dir, "/c");
	assert_string_equal(line.cli.options.gate.state_dir, GATE_DEFAULT_STATE_DIR);
	line_clear(&line);
	read_line(&line, "allow load file - set a -jp", false);
	assert_int_equal(line.rc, 0);
	assert_string_equal(args_text(&line.args, "file"), "-");
	assert_true(line.cli.options.pretty);
	line_clear(&line);
	refuse("-x link", "unknown option '-x'");
	refuse("-jx link", "unknown option '-jx'");
	refuse("--jso link", "unknown option");
	refuse("--json=yes link", "takes no value");
	refuse("--pin-dir", "needs a value");
	refuse("--pin-dir= link", "needs a value");
	refuse("link show --nope", "unknown option");
}

static void check_help(const char *text, const char *object, const char *verb)
{
	struct line line;

	read_line(&line, text, false);
	assert_int_equal(line.rc, 0);
	assert_true(line.outcome.is_help);
	if (object)
		assert_string_equal(line.outcome.object->name, object);
	else
		assert_null(line.outcome.object);
	if (verb)
		assert_string_equal(line.outcome.command->verb, verb);
	line_clear(&line);
}

static void test_help(void **state)
{
	(void)state;
	check_help("help", NULL, NULL);
	check_help("-h", NULL, NULL);
	check_help("help -j", NULL, NULL);
	check_help("help link", "link", NULL);
	check_help("help link attach", "link", "attach");
	check_help("link help", "link", NULL);
	check_help("link help attach -j", "link", "attach");
	check_help("link attach --help", "link", "attach");
	check_help("link -h attach", "link", "attach");
	check_help("link --help", "link", NULL);
	check_help("doctor help", "doctor", NULL);
	check_help("-h allow add", "allow", "add");
}

static void test_batch_lines_have_no_options(void **state)
{
	static const char *const lines[] = {"-j link show", "link -j show", "link show -j",
					    "event tail",   "batch file x", "link show --help"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct line line;

		read_line(&line, lines[i], true);
		assert_int_equal(line.rc, -EINVAL);
		assert_true(contains(line.cli.report.error, "batch"));
		line_clear(&line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words_find_their_command),
		cmocka_unit_test(test_words_that_are_wrong_are_named),
		cmocka_unit_test(test_what_is_missing_is_named),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_given_values_are_found),
		cmocka_unit_test(test_values_may_look_like_keywords),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_batch_lines_have_no_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
