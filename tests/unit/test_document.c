// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <zlib.h>

#include "agent/base/cleanup.h"
#include "agent/gate/document.h"

#define HEAD                    \
	"apimgate-document 1\n" \
	"generation 42\n"       \
	"default pass non-ip pass\n"
#define SETS                            \
	"set 0 azure-platform static\n" \
	"set 1 apim static\n"           \
	"set 7 feed feed-eu\n"

/* The body with the last line that belongs to it. Owned by the caller. */
static char *with_end(const char *body)
{
	size_t size = strlen(body) + 64;
	char *text = malloc(size);
	size_t lines = 0;

	for (const char *c = body; *c; c++)
		lines += *c == '\n';
	snprintf(text, size, "%send %zu crc32 %08lx\n", body, lines,
		 crc32(0, (const Bytef *)body, (uInt)strlen(body)));
	return text;
}

static int read_body(const char *body, struct policy **out, struct report *report)
{
	_cleanup_free_ char *text = with_end(body);

	return document_read("test", text, strlen(text), out, report);
}

/* Reads the body, which is written again as expected. */
static void check_same(const char *body, const char *expected_body)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	_cleanup_free_ char *expected = with_end(expected_body);
	_cleanup_free_ char *written = NULL;
	struct report report = {0};
	size_t length = 0;

	if (read_body(body, &policy, &report) < 0)
		fail_msg("%s", report.error);
	assert_int_equal(document_write(policy, &written, &length), 0);
	assert_string_equal(written, expected);
	assert_int_equal(length, strlen(expected));
}

static void check_bad(const char *body, const char *error)
{
	struct report report = {0};
	struct policy *policy = NULL;

	if (read_body(body, &policy, &report) != -EBADMSG)
		fail_msg("this was taken: %s", body);
	assert_null(policy);
	assert_int_equal(report.kind, REPORT_FAILED);
	assert_string_equal(report.error, error);
	report_clear(&report);
}

static void test_new_policy(void **state)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	_cleanup_free_ char *expected = with_end("apimgate-document 1\n"
						 "generation 0\n"
						 "default pass non-ip pass\n"
						 "set 0 azure-platform static\n"
						 "allow 0 168.63.129.16/32\n"
						 "allow 0 169.254.169.254/32\n");
	_cleanup_free_ char *written = NULL;
	size_t length;

	(void)state;
	assert_int_equal(policy_new(&policy), 0);
	assert_int_equal(document_write(policy, &written, &length), 0);
	assert_string_equal(written, expected);
	assert_int_equal(length, strlen(expected));
}

/* Names of interfaces are quoted where they need it. */
static void test_odd_links(void **state)
{
	static const char body[] = HEAD SETS "link \"a\\\"b\" generic audit\n"
					     "link \"a#\\\\\" auto enforce\n"
					     "link eth0.100 native enforce\n"
					     "link \"w\xc3\xa4\" auto enforce\n";

	(void)state;
	check_same(body, body);
	/* A quote in the middle of a word is no part of it, and needs an end. */
	check_bad(HEAD SETS "link \"a\"b\" generic audit\n", "test: line 7: not words");
}

static void test_all_parts(void **state)
{
	static const char body[] =
		"apimgate-document 1\n"
		"generation 18446744073709551615\n"
		"default drop non-ip drop\n" SETS
		"service 0 web tcp 443,8443-8450 to 10.0.0.4/32,2001:db8::/64 from 1,7\n"
		"service 3 all any - to - from 1\n"
		"service 63 dns udp 53 to - from 7\n"
		"link eth0 native enforce\n"
		"link eth1 auto audit\n"
		"allow 1 20.1.2.0/24\n"
		"allow 7 20.1.2.0/24 comment \"say \\\"hi\\\" \\\\ # \xc3\xa4\"\n"
		"allow 1 20.1.3.0/24 expires 1767225600 comment \"on call\"\n"
		"allow 1 20.1.4.0/24 expires 18446744073709551615\n"
		"allow 7 2001:db8::/32\n";
	_cleanup_(policy_freep) struct policy *policy = NULL;

	(void)state;
	check_same(body, body);
	assert_int_equal(read_body(body, &policy, NULL), 0);
	assert_true(policy->generation == UINT64_MAX);
	assert_true(policy->default_drop);
	assert_true(policy->non_ip_drop);
	assert_string_equal(policy->sets[7].owner, "feed-eu");
	assert_int_equal(policy->services[0].sets, 1 << 1 | 1 << 7);
	assert_int_equal(policy->services[0].to_count, 2);
	assert_int_equal(policy->services[0].ports[1].last, 8450);
	assert_int_equal(policy->services[3].proto, POLICY_ANY);
	assert_int_equal(policy->services[3].port_count, 0);
	assert_int_equal(policy->links[0].mode, POLICY_MODE_NATIVE);
	assert_true(policy->links[0].enforce);
	assert_false(policy->links[1].enforce);
	assert_int_equal(policy->entry_count, 5);
	assert_string_equal(policy->entries[1].comment, "say \"hi\" \\ # \xc3\xa4");
	assert_int_equal(policy->entries[2].expires, 1767225600);
	/* The platform's set was emptied, and stays so. */
	assert_int_equal(policy_count_entries(policy, 0), 0);
}

/* Equal policies make equal documents, however they came about. */
static void test_order_does_not_matter(void **state)
{
	(void)state;
	check_same(HEAD SETS "link eth1 auto audit\n"
			     "link eth0 auto audit\n"
			     "allow 7 20.1.2.0/24\n"
			     "allow 1 2001:db8::/32\n"
			     "allow 1 20.1.2.0/24\n",
		   HEAD SETS "link eth0 auto audit\n"
			     "link eth1 auto audit\n"
			     "allow 1 20.1.2.0/24\n"
			     "allow 7 20.1.2.0/24\n"
			     "allow 1 2001:db8::/32\n");
}

static void test_bad_lines(void **state)
{
	static const char *const cases[][2] = {
		{"set 1 other static\n", "line 7: there is no place for a set of number 1"},
		{"set 64 other static\n", "line 7: there is no place for a set of number 64"},
		{"set 2 apim static\n", "line 7: there is a set 'apim' already"},
		{"set 2 a/b static\n", "line 7: 'a/b' is not a valid set name"},
		{"set 02 b static\n", "line 7: not a number of a set"},
		{"set -2 b static\n", "line 7: not a number of a set"},
		{"set 18446744073709551617 b static\n", "line 7: not a number of a set"},
		{"set 2 b\n", "line 7: too many words or too few"},
		{"set 2 b static x\n", "line 7: too many words or too few"},
		{"set 2 \"b\n", "line 7: not words"},
		{"\n", "line 7: not words"},
		{"# comment\n", "line 7: not words"},
		{"generation 43\n", "line 7: not in its place"},
		{"default pass non-ip pass\n", "line 7: not in its place"},
		{"link eth0 auto audit\nset 2 b static\n", "line 8: not in its place"},
		{"allow 1 10.0.0.0/8\nlink eth0 auto audit\n", "line 8: not in its place"},
		{"allow\n", "line 7: unknown"},
		{"allow \n", "line 7: unknown"},
		{"allow 1\n", "line 7: not a number of a set"},
		{"allow 1 \n", "line 7: not a prefix"},
		{"allow 2 10.0.0.0/8\n", "line 7: there is no set of number 2"},
		{"allow 99 10.0.0.0/8\n", "line 7: there is no set of number 99"},
		{"allow 100 10.0.0.0/8\n", "line 7: not a number of a set"},
		{"allow 01 10.0.0.0/8\n", "line 7: not a number of a set"},
		{"allow 1 10.0.0.1/8\n", "line 7: not a prefix"},
		{"allow 1  10.0.0.0/8\n", "line 7: not a prefix"},
		{"allow 1 10.0.0.0/8 \n", "line 7: not words"},
		{"allow 1 10.0.0.0/8 expires\n", "line 7: not an entry"},
		{"allow 1 10.0.0.0/8 expires 0\n", "line 7: not a time to expire at"},
		{"allow 1 10.0.0.0/8 expires x\n", "line 7: not a time to expire at"},
		{"allow 1 10.0.0.0/8 comment\n", "line 7: not an entry"},
		{"allow 1 10.0.0.0/8 comment \"\"\n", "line 7: not an entry"},
		{"allow 1 10.0.0.0/8 comment a b\n", "line 7: not an entry"},
		{"allow 1 10.0.0.0/8 comment a expires 5\n", "line 7: not an entry"},
		{"allow 1 10.0.0.0/8 comment \"\x1b\"\n",
		 "line 7: the comment is not UTF-8 text on one line"},
		{"allow 1 10.0.0.0/8\nallow 1 10.0.0.0/8\n",
		 "line 9: 10.0.0.0/8 is twice in set 'apim'"},
		{"service 0 web icmp 443 to - from 1\n", "line 7: not a service"},
		{"service 0 w/b tcp 443 to - from 1\n", "line 7: not a service"},
		{"service 64 web tcp 443 to - from 1\n",
		 "line 7: there is no place for a service of number 64"},
		{"service 0 web tcp 443-80 to - from 1\n",
		 "line 7: the port range 443-80 is upside down"},
		{"service 0 web tcp 0 to - from 1\n", "line 7: port 0 does not exist"},
		{"service 0 web tcp 65536 to - from 1\n", "line 7: not ports of a service"},
		{"service 0 web tcp 443, to - from 1\n", "line 7: not ports of a service"},
		{"service 0 web tcp 1-2-3 to - from 1\n", "line 7: not ports of a service"},
		{"service 0 web tcp 443 to 10.0.0.1/8 from 1\n",
		 "line 7: not destinations of a service"},
		{"service 0 web tcp 443 at - from 1\n", "line 7: not destinations of a service"},
		{"service 0 web tcp 443 to - from -\n", "line 7: not sets of a service"},
		{"service 0 web tcp 443 to - from 0\n", "line 7: not sets of a service"},
		{"service 0 web tcp 443 to - from 64\n", "line 7: not sets of a service"},
		{"service 0 web tcp 443 to - from 5\n", "line 7: there is no set of number 5"},
		{"link eth0 offload audit\n", "line 7: not a link"},
		{"link eth0 auto maybe\n", "line 7: not a link"},
		{"link a-name-too-long- auto audit\n", "line 7: not a link"},
		{"link a/b auto audit\n", "line 7: 'a/b' is not the name of an interface"},
		{"link eth0 auto audit\nlink eth0 auto audit\n",
		 "line 8: the link is there already"},
		{"end 6 crc32 00000000\n", "line 7: unknown"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char body[512];
		char error[256];

		snprintf(body, sizeof(body), HEAD SETS "%s", cases[i][0]);
		snprintf(error, sizeof(error), "test: %s", cases[i][1]);
		check_bad(body, error);
	}
}

static void test_bad_heads(void **state)
{
	(void)state;
	check_bad("apimgate-document 1\n", "test: line 2: there is no set azure-platform");
	check_bad("apimgate-document 1\nset 0 azure-platform static\n",
		  "test: line 2: not in its place");
	check_bad("apimgate-document 1\nallow 0 10.0.0.0/8\n",
		  "test: line 2: there is no set of number 0");
	check_bad(HEAD, "test: line 4: there is no set azure-platform");
	check_bad(HEAD "set 1 apim static\n", "test: line 5: there is no set azure-platform");
	check_bad(HEAD "set 0 other static\n",
		  "test: line 4: the set of number 0 is azure-platform, owned by static");
	check_bad(HEAD "set 0 azure-platform feed\n",
		  "test: line 4: the set of number 0 is azure-platform, owned by static");
	check_bad(HEAD "set 1 azure-platform static\n",
		  "test: line 4: the set of number 0 is azure-platform, owned by static");
	check_bad("apimgate-document 1\ngeneration -1\n",
		  "test: line 2: not a number of a generation");
	check_bad("apimgate-document 1\ngeneration 1\ndefault pass non-ip maybe\n",
		  "test: line 3: not a default");
	check_bad("something else\n", "test: line 1: not the beginning of a document");
	check_bad("", "test: line 1: not the beginning of a document");
}

static void test_later_version(void **state)
{
	static const char *const heads[] = {"apimgate-document 2\n", "apimgate-document 10\n",
					    "apimgate-document 1.1\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		struct report report = {0};
		struct policy *policy = NULL;

		assert_int_equal(read_body(heads[i], &policy, &report), -EPROTONOSUPPORT);
		assert_non_null(report.hint);
		report_clear(&report);
	}
}

/* Any one bit, and any cut, is found; and nothing is handed out. */
static void test_every_damage_is_found(void **state)
{
	_cleanup_free_ char *text = with_end(HEAD SETS "service 0 web tcp 443 to - from 1\n"
						       "allow 1 20.1.2.0/24\n");
	size_t length = strlen(text);
	struct policy *policy = NULL;

	(void)state;
	for (size_t i = 0; i < length; i++) {
		_cleanup_free_ char *cut = malloc(i ? i : 1);

		memcpy(cut, text, i);
		assert_true(document_read("x", cut, i, &policy, NULL) < 0);
		for (int bit = 0; bit < 8; bit++) {
			text[i] ^= (char)(1 << bit);
			assert_true(document_read("x", text, length, &policy, NULL) < 0);
			text[i] ^= (char)(1 << bit);
		}
	}
	assert_null(policy);
	assert_int_equal(document_read("x", text, length, &policy, NULL), 0);
	policy_free(policy);
}

static void check_frame(const char *text, size_t length, const char *error)
{
	struct report report = {0};
	struct policy *policy = NULL;

	assert_int_equal(document_read("test", text, length, &policy, &report), -EBADMSG);
	assert_string_equal(report.error, error);
	report_clear(&report);
}

static void test_frame(void **state)
{
	static const char nul[] = "apimgate-document 1\nx\0y\nend 2 crc32 00000000\n";

	(void)state;
	check_frame("", 0, "test: line 1: not the beginning of a document");
	check_frame("apimgate-document 1\n", 20, "test: line 1: the document is cut off");
	check_frame(nul, sizeof(nul) - 1, "test: line 3: the document holds a NUL");
	check_frame("apimgate-document 1\nend 1 crc32 00000000\n", 41,
		    "test: line 2: the checksum does not fit");
	check_frame("apimgate-document 1\nend 1 crc32 00000000", 40,
		    "test: line 2: the document is cut off");
}

/* A service with all that it may have makes the longest line. */
static bool is_same(const char *a, const char *b)
{
	return document_is_same(a, strlen(a), b, strlen(b));
}

/* The number of the generation is no part of what a document says. */
static void test_same(void **state)
{
	static const char other_number[] = "apimgate-document 1\n"
					   "generation 123456789\n"
					   "default pass non-ip pass\n";
	_cleanup_free_ char *text = with_end(HEAD SETS "allow 1 20.1.2.0/24\n");
	_cleanup_free_ char *longer = with_end(HEAD SETS "allow 1 20.1.2.0/24\n"
							 "allow 1 20.1.3.0/24\n");
	_cleanup_free_ char *other = with_end(HEAD SETS "allow 1 20.1.2.0/25\n");
	_cleanup_free_ char *head = with_end(HEAD);
	_cleanup_free_ char *head_of_other = with_end(other_number);

	(void)state;
	assert_true(is_same(text, text));
	assert_true(is_same(head, head_of_other));
	assert_false(is_same(text, longer));
	assert_false(is_same(longer, text));
	assert_false(is_same(text, other));
	assert_false(is_same(text, head));
	assert_false(is_same(text, ""));
	assert_false(is_same("no line", text));
}

static void test_longest_service(void **state)
{
	static struct prefix to[POLICY_MAX_TO];
	_cleanup_(policy_freep) struct policy *policy = NULL;
	_cleanup_(policy_freep) struct policy *again = NULL;
	struct policy_service service = {.name = "big", .sets = ~1ULL, .to = to};
	_cleanup_free_ char *text = NULL;
	char name[GATE_NAME_LEN];
	size_t length;

	(void)state;
	assert_int_equal(policy_new(&policy), 0);
	for (int i = 1; i < GATE_MAX_SETS; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		assert_int_equal(policy_add_set(policy, name, "static", NULL), 0);
	}
	for (int i = 0; i < POLICY_MAX_PORTS; i++)
		service.ports[i] =
			(struct policy_ports){(uint16_t)(60000 + 3 * i), (uint16_t)(60001 + 3 * i)};
	for (int i = 0; i < POLICY_MAX_TO; i++) {
		to[i] = (struct prefix){.family = 6, .length = 128};
		memset(to[i].address, 0xee, sizeof(to[i].address));
		to[i].address[14] = (uint8_t)(i >> 8 | 0xc0);
		to[i].address[15] = (uint8_t)i;
	}
	service.port_count = POLICY_MAX_PORTS;
	service.to_count = POLICY_MAX_TO;
	assert_int_equal(policy_add_service(policy, &service, NULL), 0);
	assert_int_equal(document_write(policy, &text, &length), 0);
	assert_int_equal(document_read("x", text, length, &again, NULL), 0);
	assert_int_equal(again->services[0].to_count, POLICY_MAX_TO);
	assert_int_equal(again->services[0].port_count, POLICY_MAX_PORTS);
	assert_true(again->services[0].sets == ~1ULL);
	assert_memory_equal(again->services[0].to, to, sizeof(to));
}

#define MANY 100000

static double cpu_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static struct policy *make_many(void)
{
	struct prefix *prefixes = calloc(MANY, sizeof(*prefixes));
	struct policy *policy = NULL;

	srandom(4);
	assert_int_equal(policy_new(&policy), 0);
	assert_int_equal(policy_add_set(policy, "a", "static", NULL), 0);
	for (size_t i = 0; i < MANY; i++) {
		prefixes[i] = (struct prefix){.family = i % 10 ? 4 : 6};
		prefixes[i].length = i % 10 ? 32 : 128;
		for (size_t j = 0; j < (i % 10 ? 4 : 16); j++)
			prefixes[i].address[j] = (uint8_t)(random() | 1);
	}
	assert_int_equal(policy_replace_entries(policy, 1, prefixes, MANY, NULL, NULL), 0);
	free(prefixes);
	for (size_t i = 0; i < policy->entry_count; i += 100)
		policy->entries[i].comment = strdup("one of \"many\"");
	return policy;
}

static void test_many(void **state)
{
	_cleanup_(policy_freep) struct policy *policy = make_many();
	_cleanup_(policy_freep) struct policy *again = NULL;
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ char *text_again = NULL;
	size_t length;
	size_t length_again;
	double start = cpu_ms();
	double between;

	(void)state;
	assert_int_equal(document_write(policy, &text, &length), 0);
	between = cpu_ms();
	assert_int_equal(document_read("x", text, length, &again, NULL), 0);
	print_message("%zu entries, %zu bytes: written in %.1f ms, read in %.1f ms\n",
		      policy->entry_count, length, between - start, cpu_ms() - between);
	/* The aim is 30 ms each; what is quadratic takes minutes. */
	assert_true(cpu_ms() - start < 2000);
	assert_int_equal(document_write(again, &text_again, &length_again), 0);
	assert_int_equal(length, length_again);
	assert_memory_equal(text, text_again, length);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_policy),    cmocka_unit_test(test_odd_links),
		cmocka_unit_test(test_all_parts),     cmocka_unit_test(test_order_does_not_matter),
		cmocka_unit_test(test_bad_lines),     cmocka_unit_test(test_bad_heads),
		cmocka_unit_test(test_later_version), cmocka_unit_test(test_every_damage_is_found),
		cmocka_unit_test(test_frame),	      cmocka_unit_test(test_longest_service),
		cmocka_unit_test(test_many),	      cmocka_unit_test(test_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
