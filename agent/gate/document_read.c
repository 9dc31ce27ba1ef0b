// SPDX-License-Identifier: Apache-2.0
/*
 * Reading documents: first the frame (version, NULs, last line, checksum), then
 * line by line. A document that passes is one that document_write() could have
 * written, but for the order of its links and entries.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "agent/base/cleanup.h"
#include "agent/base/words.h"
#include "agent/gate/document.h"

#define HEADER "apimgate-document "
#define LINE_WORDS 16

struct reader {
	const char *name;
	struct report *report;
	struct policy *policy;
	size_t line;   /* number of the current one, from 1 */
	size_t rank;   /* of the kind of line that came last, see KINDS */
	char *scratch; /* a copy of the line, to be split */
	size_t scratch_size;
};

static void cleanup_reader(struct reader *reader)
{
	policy_free(reader->policy);
	free(reader->scratch);
}

static int no_memory(struct reader *reader)
{
	return report_errno(reader->report, ENOMEM, "cannot read %s", reader->name);
}

static int damaged(struct reader *reader, const char *why)
{
	return report_error(reader->report, REPORT_FAILED, EBADMSG, NULL, "%s: line %zu: %s",
			    reader->name, reader->line, why);
}

static void cleanup_report(struct report *report)
{
	report_clear(report);
}

/* What the policy said against a line, with the line's number. */
static int refused(struct reader *reader, int r, const struct report *said)
{
	if (r == 0)
		return 0;
	return r == -ENOMEM ? no_memory(reader) : damaged(reader, said->error ? said->error : "?");
}

/* ---- Words ---- */

/* Strictly decimal: no sign, no leading zero, no overflow. */
static bool read_number(const char *word, uint64_t *out)
{
	uint64_t number = 0;
	size_t i;

	for (i = 0; word[i] >= '0' && word[i] <= '9'; i++) {
		uint64_t digit = (uint64_t)(word[i] - '0');

		if (number > (UINT64_MAX - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	if (i == 0 || word[i] || (word[0] == '0' && i > 1))
		return false;
	*out = number;
	return true;
}

static bool is_word(const char *word, const char *expected)
{
	return word && strcmp(word, expected) == 0;
}

/* One of two words. */
static bool read_choice(const char *word, const char *no, const char *yes, bool *out)
{
	if (!is_word(word, no) && !is_word(word, yes))
		return false;
	*out = is_word(word, yes);
	return true;
}

/* Cuts the next element off a list that commas separate; *list is NULL after the last. */
static char *next_element(char **list)
{
	char *element = *list;
	char *comma = strchr(element, ',');

	*list = comma ? comma + 1 : NULL;
	if (comma)
		*comma = '\0';
	return element;
}

/* ---- Lines ---- */

static int read_generation(struct reader *reader, char **words)
{
	if (!read_number(words[1], &reader->policy->generation))
		return damaged(reader, "not a number of a generation");
	return 0;
}

static int read_default(struct reader *reader, char **words)
{
	struct policy *policy = reader->policy;

	if (!read_choice(words[1], "pass", "drop", &policy->default_drop) ||
	    !is_word(words[2], "non-ip") ||
	    !read_choice(words[3], "pass", "drop", &policy->non_ip_drop))
		return damaged(reader, "not a default");
	return 0;
}

static int read_set(struct reader *reader, char **words)
{
	_cleanup_(cleanup_report) struct report said = {0};
	uint64_t number;
	int r;

	if (!read_number(words[1], &number))
		return damaged(reader, "not a number of a set");
	r = policy_place_set(reader->policy, number, words[2], words[3], &said);
	return refused(reader, r, &said);
}

/* "443" or "8443-8450" */
static bool read_port_range(char *word, struct policy_ports *out)
{
	char *dash = strchr(word, '-');
	uint64_t first;
	uint64_t last;

	if (dash)
		*dash = '\0';
	if (!read_number(word, &first) || !read_number(dash ? dash + 1 : word, &last) ||
	    first > UINT16_MAX || last > UINT16_MAX)
		return false;
	out->first = (uint16_t)first;
	out->last = (uint16_t)last;
	return true;
}

static bool read_ports(char *list, struct policy_service *service)
{
	if (is_word(list, "-"))
		return true;
	while (list) {
		char *element = next_element(&list);

		if (service->port_count == POLICY_MAX_PORTS ||
		    !read_port_range(element, &service->ports[service->port_count++]))
			return false;
	}
	return true;
}

/* to has room for POLICY_MAX_TO. */
static bool read_destinations(char *list, struct prefix *to, uint32_t *count)
{
	if (is_word(list, "-"))
		return true;
	while (list) {
		char *element = next_element(&list);

		if (*count == POLICY_MAX_TO ||
		    prefix_parse(element, strlen(element), &to[(*count)++]) != PREFIX_OK)
			return false;
	}
	return true;
}

static bool read_sets(char *list, uint64_t *sets)
{
	while (list) {
		uint64_t number;

		if (!read_number(next_element(&list), &number) || number == GATE_SET_PLATFORM ||
		    number >= GATE_MAX_SETS)
			return false;
		*sets |= 1ULL << number;
	}
	return true;
}

/* service NUMBER NAME PROTO PORTS to PREFIXES from SETS */
static int read_service(struct reader *reader, char **words)
{
	_cleanup_free_ struct prefix *to = calloc(POLICY_MAX_TO, sizeof(*to));
	_cleanup_(cleanup_report) struct report said = {0};
	struct policy_service service = {.to = to};
	int proto = policy_proto_of(words[3]);
	uint64_t number;
	int r;

	if (!to)
		return no_memory(reader);
	if (!read_number(words[1], &number) || !words_is_name(words[2]) || proto < 0)
		return damaged(reader, "not a service");
	snprintf(service.name, sizeof(service.name), "%s", words[2]);
	service.proto = (enum policy_proto)proto;
	if (!read_ports(words[4], &service))
		return damaged(reader, "not ports of a service");
	if (!is_word(words[5], "to") || !read_destinations(words[6], to, &service.to_count))
		return damaged(reader, "not destinations of a service");
	if (!is_word(words[7], "from") || !read_sets(words[8], &service.sets))
		return damaged(reader, "not sets of a service");
	r = policy_place_service(reader->policy, number, &service, &said);
	return refused(reader, r, &said);
}

static int read_link(struct reader *reader, char **words)
{
	_cleanup_(cleanup_report) struct report said = {0};
	struct policy_link link = {0};
	int mode = policy_mode_of(words[2]);

	if (mode < 0 || strlen(words[1]) >= sizeof(link.device) ||
	    !read_choice(words[3], "audit", "enforce", &link.enforce))
		return damaged(reader, "not a link");
	if (policy_find_link(reader->policy, words[1]) >= 0)
		return damaged(reader, "the link is there already");
	snprintf(link.device, sizeof(link.device), "%s", words[1]);
	link.mode = (enum policy_link_mode)mode;
	return refused(reader, policy_set_link(reader->policy, &link, &said), &said);
}

/* Kinds of lines in the order that they come in; the first `ONCE` are there exactly once. */
struct kind {
	const char *word;
	int words;
	int (*read)(struct reader *reader, char **words);
};

static const struct kind KINDS[] = {
	{"generation", 2, read_generation}, {"default", 4, read_default}, {"set", 4, read_set},
	{"service", 9, read_service},	    {"link", 4, read_link},
};

#define ONCE 2

static bool may_follow(size_t rank, size_t last)
{
	return rank <= ONCE ? rank == last + 1 : rank >= last && last >= ONCE;
}

/* Copies the line and splits the copy. Returns the number of words, or the error. */
static int split(struct reader *reader, const char *line, size_t length, char **words)
{
	int count;

	if (length >= reader->scratch_size) {
		char *larger = realloc(reader->scratch, length + 1);

		if (!larger)
			return no_memory(reader);
		reader->scratch = larger;
		reader->scratch_size = length + 1;
	}
	memcpy(reader->scratch, line, length);
	reader->scratch[length] = '\0';
	count = words_split(reader->scratch, words, LINE_WORDS);
	return count <= 0 ? damaged(reader, "not words") : count;
}

static int read_line(struct reader *reader, const char *line, size_t length)
{
	char *words[LINE_WORDS] = {NULL};
	int count = split(reader, line, length, words);

	if (count < 0)
		return count;
	for (size_t i = 0; i < ARRAY_SIZE(KINDS); i++) {
		if (!is_word(words[0], KINDS[i].word))
			continue;
		if (count != KINDS[i].words)
			return damaged(reader, "too many words or too few");
		if (!may_follow(i + 1, reader->rank))
			return damaged(reader, "not in its place");
		reader->rank = i + 1;
		return KINDS[i].read(reader, words);
	}
	return damaged(reader, "unknown");
}

/* ---- Entries: nearly all of a document, so they are read without copies ---- */

/* [expires SECONDS] [comment TEXT] */
static int read_entry_rest(struct reader *reader, const char *line, size_t length,
			   struct policy_entry *entry)
{
	char *words[LINE_WORDS] = {NULL};
	int count = split(reader, line, length, words);
	int i = 0;

	if (count < 0)
		return count;
	if (i + 1 < count && is_word(words[i], "expires")) {
		if (!read_number(words[i + 1], &entry->expires) || entry->expires == 0)
			return damaged(reader, "not a time to expire at");
		i += 2;
	}
	if (i + 1 < count && is_word(words[i], "comment") && *words[i + 1]) {
		entry->comment = strdup(words[i + 1]);
		if (!entry->comment)
			return no_memory(reader);
		i += 2;
	}
	return i == count ? 0 : damaged(reader, "not an entry");
}

static int append(struct reader *reader, struct policy_entry *entry)
{
	_cleanup_(cleanup_report) struct report said = {0};
	int r = policy_append_entry(reader->policy, entry, &said);

	if (r == 0)
		entry->comment = NULL;
	return refused(reader, r, &said);
}

/* A set's number of one or two digits. Returns what follows the space behind it, or NULL. */
static const char *read_set_number(const char *cursor, const char *end, uint8_t *out)
{
	unsigned int number = 0;
	const char *start = cursor;

	for (; cursor < end && cursor - start < 2 && *cursor >= '0' && *cursor <= '9'; cursor++)
		number = number * 10 + (unsigned int)(*cursor - '0');
	if (cursor == start || (*start == '0' && cursor - start > 1))
		return NULL;
	if (cursor == end || *cursor != ' ')
		return NULL;
	*out = (uint8_t)number;
	return cursor + 1;
}

/* What follows "allow ": NUMBER PREFIX and the rest. */
static int read_entry(struct reader *reader, const char *cursor, const char *end)
{
	struct policy_entry entry = {0};
	const char *prefix = read_set_number(cursor, end, &entry.set);
	const char *behind;
	int r = 0;

	if (!prefix)
		return damaged(reader, "not a number of a set");
	behind = memchr(prefix, ' ', (size_t)(end - prefix));
	if (prefix_parse(prefix, (size_t)((behind ? behind : end) - prefix), &entry.prefix) !=
	    PREFIX_OK)
		return damaged(reader, "not a prefix");
	if (behind)
		r = read_entry_rest(reader, behind, (size_t)(end - behind), &entry);
	if (r == 0)
		r = append(reader, &entry);
	free(entry.comment);
	return r;
}

/* ---- The frame ---- */

static int check_version(struct reader *reader, const char *text, size_t length)
{
	static const char expected[] = HEADER "1\n";

	_Static_assert(DOCUMENT_VERSION == 1, "what reads version 1 is to be kept");
	reader->line = 1;
	if (length >= strlen(expected) && memcmp(text, expected, strlen(expected)) == 0)
		return 0;
	if (length > strlen(HEADER) && memcmp(text, HEADER, strlen(HEADER)) == 0 &&
	    text[strlen(HEADER)] >= '1' && text[strlen(HEADER)] <= '9')
		return report_error(reader->report, REPORT_FAILED, EPROTONOSUPPORT,
				    "use the version of apimgate that wrote it, or a later one",
				    "%s: this version of apimgate cannot read it", reader->name);
	return damaged(reader, "not the beginning of a document");
}

static size_t count_lines(const char *text, size_t length)
{
	const char *end = text + length;
	size_t count = 0;

	while (text < end && (text = memchr(text, '\n', (size_t)(end - text)))) {
		text++;
		count++;
	}
	return count;
}

/* Checks the last line; *body is the length of what comes before it. */
static int check_end(struct reader *reader, const char *text, size_t length, size_t *body)
{
	char expected[64];
	size_t before = length - 1; /* check_version() found at least a line */
	size_t lines;

	while (before > 0 && text[before - 1] != '\n')
		before--;
	lines = count_lines(text, before);
	reader->line = lines + 1;
	if (memchr(text, '\0', length))
		return damaged(reader, "the document holds a NUL");
	snprintf(expected, sizeof(expected), "end %zu crc32 %08lx\n", lines,
		 crc32_z(0, (const Bytef *)text, before));
	if (length - before < 4 || memcmp(text + before, "end ", 4) != 0 ||
	    text[length - 1] != '\n')
		return damaged(reader, "the document is cut off");
	if (length - before != strlen(expected) ||
	    memcmp(text + before, expected, strlen(expected)) != 0)
		return damaged(reader, "the checksum does not fit");
	*body = before;
	return 0;
}

static int read_body(struct reader *reader, const char *text, const char *end)
{
	static const char allow[] = "allow ";
	int r = 0;

	/* The first line was seen to. */
	text = (const char *)memchr(text, '\n', (size_t)(end - text)) + 1;
	for (reader->line = 2; r == 0 && text < end; reader->line++) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		bool is_entry = (size_t)(stop - text) > strlen(allow) &&
				memcmp(text, allow, strlen(allow)) == 0;

		r = is_entry ? read_entry(reader, text + strlen(allow), stop)
			     : read_line(reader, text, (size_t)(stop - text));
		if (r == 0 && is_entry)
			reader->rank = ARRAY_SIZE(KINDS) + 1;
		text = stop + 1;
	}
	return r;
}

/* A policy without what every new one has: the document says it all. */
static int make_empty(struct reader *reader)
{
	int r = policy_new(&reader->policy);

	if (r < 0)
		return no_memory(reader);
	reader->policy->entry_count = 0;
	memset(&reader->policy->sets[GATE_SET_PLATFORM], 0, sizeof(reader->policy->sets[0]));
	return 0;
}

int document_check(const char *name, const char *text, size_t length, struct report *report)
{
	struct reader reader = {.name = name, .report = report};
	size_t body;
	int r = check_version(&reader, text, length);

	return r < 0 ? r : check_end(&reader, text, length, &body);
}

int document_read(const char *name, const char *text, size_t length, struct policy **out,
		  struct report *report)
{
	_cleanup_(cleanup_reader) struct reader reader = {.name = name, .report = report};
	_cleanup_(cleanup_report) struct report said = {0};
	size_t body = 0;
	int r = check_version(&reader, text, length);

	if (r == 0)
		r = check_end(&reader, text, length, &body);
	if (r == 0)
		r = make_empty(&reader);
	if (r == 0)
		r = read_body(&reader, text, text + body);
	if (r == 0 && (reader.rank < ONCE || !*reader.policy->sets[GATE_SET_PLATFORM].name))
		r = damaged(&reader, "there is no set " POLICY_PLATFORM_NAME);
	if (r == 0)
		r = refused(&reader, policy_sort_entries(reader.policy, &said), &said);
	if (r < 0)
		return r;
	*out = TAKE_PTR(reader.policy);
	return 0;
}
