// SPDX-License-Identifier: Apache-2.0
/* Writing documents; document_read.c is the other half. */
#include "agent/gate/document.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "agent/base/cleanup.h"
#include "agent/base/words.h"

#define FIRST_CAPACITY 16384
/* More than any single piece that is put: a quoted comment with its entry. */
#define PIECE_MAX 512

/* A growing text. Running out of memory is remembered, and told once at the end. */
struct text {
	char *data;
	size_t length;
	size_t capacity;
	size_t lines;
	bool failed;
};

static void cleanup_text(struct text *text)
{
	free(text->data);
}

/* Room for one piece at the end, or NULL. */
static char *text_room(struct text *text)
{
	size_t capacity = text->capacity ? text->capacity * 2 : FIRST_CAPACITY;
	char *data;

	if (text->failed)
		return NULL;
	if (text->capacity - text->length >= PIECE_MAX)
		return text->data + text->length;
	data = realloc(text->data, capacity);
	if (!data) {
		text->failed = true;
		return NULL;
	}
	text->data = data;
	text->capacity = capacity;
	return data + text->length;
}

/* Every piece is short: names, numbers, one prefix. */
__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
	char *room = text_room(text);
	va_list args;

	if (!room)
		return;
	va_start(args, format);
	text->length += (size_t)vsnprintf(room, PIECE_MAX, format, args);
	va_end(args);
}

static void put_line_end(struct text *text)
{
	put(text, "\n");
	text->lines++;
}

static void put_ports(struct text *text, const struct policy_service *service)
{
	if (service->port_count == 0)
		put(text, " -");
	for (uint32_t i = 0; i < service->port_count; i++) {
		const struct policy_ports *ports = &service->ports[i];

		put(text, "%c%u", i ? ',' : ' ', ports->first);
		if (ports->last != ports->first)
			put(text, "-%u", ports->last);
	}
}

static void put_destinations(struct text *text, const struct policy_service *service)
{
	char prefix[PREFIX_TEXT_LEN];

	put(text, service->to_count ? " to" : " to -");
	for (uint32_t i = 0; i < service->to_count; i++)
		put(text, "%c%s", i ? ',' : ' ', prefix_format(&service->to[i], prefix));
}

static void put_service(struct text *text, const struct policy_service *service, int number)
{
	char separator = ' ';

	put(text, "service %d %s %s", number, service->name, policy_proto_name(service->proto));
	put_ports(text, service);
	put_destinations(text, service);
	put(text, " from");
	for (int i = 0; i < GATE_MAX_SETS; i++) {
		if (!(service->sets >> i & 1))
			continue;
		put(text, "%c%d", separator, i);
		separator = ',';
	}
	put_line_end(text);
}

/* Interfaces may have stranger names than anything else here. */
static void put_link(struct text *text, const struct policy_link *link)
{
	char quoted[2 * IF_NAMESIZE + 3];
	const char *device = link->device;

	if (!words_is_name(device)) {
		words_quote(device, quoted);
		device = quoted;
	}
	put(text, "link %s %s %s", device, policy_mode_name(link->mode),
	    link->enforce ? "enforce" : "audit");
	put_line_end(text);
}

static int compare_links(const void *a, const void *b)
{
	const struct policy_link *left = a;
	const struct policy_link *right = b;

	return strcmp(left->device, right->device);
}

/* By name: the order in which they were attached says nothing. */
static void put_links(struct text *text, const struct policy *policy)
{
	struct policy_link links[POLICY_MAX_LINKS];

	memcpy(links, policy->links, sizeof(links));
	qsort(links, POLICY_MAX_LINKS, sizeof(links[0]), compare_links);
	for (size_t i = 0; i < POLICY_MAX_LINKS; i++)
		if (*links[i].device)
			put_link(text, &links[i]);
}

static char *put_string(char *out, const char *string)
{
	return stpcpy(out, string);
}

/* There may be millions of these, so printf() is kept for the rare ones. */
static void put_entry(struct text *text, const struct policy_entry *entry)
{
	char *room = text_room(text);
	char *out = room;

	if (!room)
		return;
	out = put_string(out, "allow ");
	if (entry->set >= 10)
		*out++ = (char)('0' + entry->set / 10);
	*out++ = (char)('0' + entry->set % 10);
	*out++ = ' ';
	prefix_format(&entry->prefix, out);
	out += strlen(out);
	if (entry->expires)
		out += sprintf(out, " expires %" PRIu64, entry->expires);
	if (entry->comment) {
		out = put_string(out, " comment ");
		out = words_quote(entry->comment, out);
	}
	*out++ = '\n';
	text->length += (size_t)(out - room);
	text->lines++;
}

static void put_head(struct text *text, const struct policy *policy)
{
	put(text, "apimgate-document %d", DOCUMENT_VERSION);
	put_line_end(text);
	put(text, "generation %" PRIu64, policy->generation);
	put_line_end(text);
	put(text, "default %s non-ip %s", policy->default_drop ? "drop" : "pass",
	    policy->non_ip_drop ? "drop" : "pass");
	put_line_end(text);
}

int document_write(const struct policy *policy, char **out, size_t *length)
{
	_cleanup_(cleanup_text) struct text text = {0};

	put_head(&text, policy);
	for (int i = 0; i < GATE_MAX_SETS; i++) {
		if (!*policy->sets[i].name)
			continue;
		put(&text, "set %d %s %s", i, policy->sets[i].name, policy->sets[i].owner);
		put_line_end(&text);
	}
	for (int i = 0; i < GATE_MAX_SERVICES; i++)
		if (*policy->services[i].name)
			put_service(&text, &policy->services[i], i);
	put_links(&text, policy);
	for (size_t i = 0; i < policy->entry_count; i++)
		put_entry(&text, &policy->entries[i]);
	if (text.failed)
		return -ENOMEM;
	put(&text, "end %zu crc32 %08lx\n", text.lines,
	    crc32_z(0, (const Bytef *)text.data, text.length));
	if (text.failed)
		return -ENOMEM;
	*out = TAKE_PTR(text.data);
	*length = text.length;
	return 0;
}

struct span {
	const char *start;
	size_t length;
};

static const char *behind_line(const char *text, const char *end)
{
	const char *newline = memchr(text, '\n', (size_t)(end - text));

	return newline ? newline + 1 : end;
}

/* What lies between the line of the generation and the last one, which has the checksum. */
static struct span span_of_policy(const char *text, size_t length)
{
	const char *start = behind_line(text, text + length);
	const char *last = length ? memrchr(text, '\n', length - 1) : NULL;

	start = behind_line(start, text + length);
	return (struct span){start, last && last >= start ? (size_t)(last + 1 - start) : 0};
}

bool document_is_same(const char *a, size_t a_length, const char *b, size_t b_length)
{
	struct span left = span_of_policy(a, a_length);
	struct span right = span_of_policy(b, b_length);

	return left.length == right.length && memcmp(left.start, right.start, left.length) == 0;
}
