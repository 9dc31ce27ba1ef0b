// SPDX-License-Identifier: Apache-2.0
/* Frames from text, so that a table of tests reads like a table. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/cleanup.h"
#include "tests/packet/frame.h"

/* One word: NAME, or NAME=NUMBER, or NAME=NUMBER>NUMBER. */
struct word {
	char name[8];
	const char *value; /* NULL: none */
	uint32_t number;
	uint32_t second;
	bool plus; /* the value ends in '+' */
};

/* What is applied only once the lengths are right. */
struct lies {
	int total, plen, ihl, version, proto;
	size_t cut;
	bool pad;
};

static void bad_word(const char *text)
{
	fprintf(stderr, "frame text not understood: '%s'\n", text);
	abort();
}

static void read_word(const char *text, size_t length, struct word *word)
{
	const char *equals = memchr(text, '=', length);
	size_t name = equals ? (size_t)(equals - text) : length;
	char *end;

	*word = (struct word){};
	if (name >= sizeof(word->name))
		bad_word(text);
	memcpy(word->name, text, name);
	if (!equals)
		return;
	word->value = equals + 1;
	word->number = (uint32_t)strtoul(word->value, &end, 0);
	if (*end == '>')
		word->second = (uint32_t)strtoul(end + 1, &end, 0);
	word->plus = *end == '+';
}

void frame_address(const char *text, size_t length, uint8_t family, uint8_t out[16])
{
	static const struct {
		char name;
		const char *v4, *v6;
	} names[] = {
		{'A', ALLOWED4, ALLOWED6},
		{'D', DENIED4, DENIED6},
		{'H', HOST4, HOST6},
		{'P', PLATFORM4, "::1"},
	};
	char copy[64];
	size_t i;

	if (length >= sizeof(copy))
		bad_word(text);
	memcpy(copy, text, length);
	copy[length] = '\0';
	for (i = 0; length == 1 && i < ARRAY_SIZE(names); i++)
		if (*copy == names[i].name)
			strcpy(copy, family == 4 ? names[i].v4 : names[i].v6);
	memset(out, 0, 16);
	if (inet_pton(family == 4 ? AF_INET : AF_INET6, copy, out) != 1)
		bad_word(text);
}

/* The word behind v4 or v6. */
static void add_ip(struct frame *f, uint8_t family, const char *text, size_t length)
{
	const char *arrow = memchr(text, '>', length);
	uint8_t source[16], destination[16];

	if (!arrow)
		bad_word(text);
	frame_address(text, (size_t)(arrow - text), family, source);
	frame_address(arrow + 1, length - (size_t)(arrow + 1 - text), family, destination);
	if (family == 4)
		frame_ipv4(f, source, destination, 0);
	else
		frame_ipv6(f, source, destination);
}

static bool add_link(struct frame *f, const struct word *w)
{
	if (!strcmp(w->name, "vlan"))
		frame_vlan(f, TYPE_VLAN, 5);
	else if (!strcmp(w->name, "qinq"))
		frame_vlan(f, TYPE_QINQ, 6);
	else if (!strcmp(w->name, "arp"))
		frame_arp(f);
	else if (!strcmp(w->name, "lldp"))
		frame_type(f, TYPE_LLDP);
	else if (!strcmp(w->name, "type"))
		frame_type(f, (uint16_t)w->number);
	else
		return false;
	return true;
}

static void add_options(struct frame *f, size_t size)
{
	uint8_t *ip = f->bytes + f->ip[f->ip_count - 1];

	memset(frame_add(f, size), 1, size);
	ip[0] = (uint8_t)(0x40 | (20 + size) / 4);
}

static bool change_ip(struct frame *f, const struct word *w)
{
	uint8_t *ip = f->ip_count ? f->bytes + f->ip[f->ip_count - 1] : NULL;

	if (!ip)
		return false;
	if (!strcmp(w->name, "opts"))
		add_options(f, w->number);
	else if (!strcmp(w->name, "off"))
		put16(ip + 6, (get16(ip + 6) & 0xe000) | w->number);
	else if (!strcmp(w->name, "mf"))
		ip[6] |= 0x20;
	else if (!strcmp(w->name, "df"))
		ip[6] |= 0x40;
	else if (!strcmp(w->name, "hop"))
		ip[7] = (uint8_t)w->number;
	else
		return false;
	return true;
}

static bool add_extension(struct frame *f, const struct word *w)
{
	if (!strcmp(w->name, "hbh"))
		frame_ext(f, NEXT_HOP_BY_HOP, w->value ? w->number : 8);
	else if (!strcmp(w->name, "dst"))
		frame_ext(f, NEXT_DEST, w->value ? w->number : 8);
	else if (!strcmp(w->name, "ah"))
		frame_ext(f, NEXT_AH, w->value ? w->number : 24);
	else if (!strcmp(w->name, "rh"))
		frame_routing(f, (uint8_t)w->number);
	else if (!strcmp(w->name, "fh"))
		frame_fragment(f, (uint16_t)w->number, w->plus);
	else
		return false;
	return true;
}

static void add_data(struct frame *f, size_t size)
{
	size_t i;
	uint8_t *at = frame_add(f, size);

	for (i = 0; i < size; i++)
		at[i] = (uint8_t)(0xa5 + i * 7);
}

static bool add_transport(struct frame *f, const struct word *w)
{
	uint16_t sport = (uint16_t)w->number, dport = (uint16_t)w->second;

	if (!strcmp(w->name, "tcp"))
		frame_tcp(f, sport, dport);
	else if (!strcmp(w->name, "udp"))
		frame_udp(f, sport, dport);
	else if (!strcmp(w->name, "sctp"))
		frame_sctp(f, sport, dport);
	else if (!strcmp(w->name, "icmp"))
		frame_icmp(f, (uint8_t)w->number);
	else if (!strcmp(w->name, "icmp6"))
		frame_icmpv6(f, (uint8_t)w->number);
	else if (!strcmp(w->name, "next"))
		frame_next(f, (uint8_t)w->number);
	else if (!strcmp(w->name, "data"))
		add_data(f, w->number);
	else if (!strcmp(w->name, "short") && w->number <= f->length)
		f->length -= w->number;
	else
		return false;
	return true;
}

static bool note_lie(struct lies *lies, const struct word *w)
{
	if (!strcmp(w->name, "total"))
		lies->total = (int)w->number;
	else if (!strcmp(w->name, "plen"))
		lies->plen = (int)w->number;
	else if (!strcmp(w->name, "ihl"))
		lies->ihl = (int)w->number;
	else if (!strcmp(w->name, "ver"))
		lies->version = (int)w->number;
	else if (!strcmp(w->name, "proto"))
		lies->proto = (int)w->number;
	else if (!strcmp(w->name, "cut"))
		lies->cut = w->number;
	else if (!strcmp(w->name, "pad"))
		lies->pad = true;
	else
		return false;
	return true;
}

/* Lies are about the outer header. */
static void tell_lies(struct frame *f, const struct lies *lies)
{
	uint8_t *ip = f->bytes + f->ip[0];

	if (lies->total >= 0)
		put16(ip + 2, (uint32_t)lies->total);
	if (lies->plen >= 0)
		put16(ip + 4, (uint32_t)lies->plen);
	if (lies->ihl >= 0)
		ip[0] = (uint8_t)((ip[0] & 0xf0) | lies->ihl);
	if (lies->version >= 0)
		ip[0] = (uint8_t)((ip[0] & 0x0f) | lies->version << 4);
	if (lies->proto >= 0)
		ip[9] = (uint8_t)lies->proto;
	if (lies->cut <= f->length)
		f->length -= lies->cut;
	if (lies->pad && f->length < 60)
		frame_add(f, 60 - f->length);
}

void frame_parse(struct frame *f, const char *text)
{
	struct lies lies = {-1, -1, -1, -1, -1, 0, false};
	uint8_t family = 0;
	struct word word;
	size_t length;

	frame_start(f);
	for (; *text; text += length) {
		text += strspn(text, " ");
		length = strcspn(text, " ");
		if (family) {
			add_ip(f, family, text, length);
			family = 0;
			continue;
		}
		read_word(text, length, &word);
		if (!strcmp(word.name, "v4") || !strcmp(word.name, "v6"))
			family = word.name[1] == '4' ? 4 : 6;
		else if (length && !add_link(f, &word) && !change_ip(f, &word) &&
			 !add_extension(f, &word) && !add_transport(f, &word) &&
			 !note_lie(&lies, &word))
			bad_word(text);
	}
	frame_finish(f);
	tell_lies(f, &lies);
}
