// SPDX-License-Identifier: Apache-2.0
#include "agent/base/prefix.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NO_GAP SIZE_MAX

static unsigned int family_bits(uint8_t family)
{
	return family == 4 ? 32 : 128;
}

/* Returns what follows the number, or NULL: none, a leading zero, or above max. */
static const char *read_decimal(const char *cursor, const char *end, unsigned int max,
				unsigned int *out)
{
	const char *start = cursor;
	unsigned int number = 0;

	for (; cursor < end && *cursor >= '0' && *cursor <= '9'; cursor++) {
		number = number * 10 + (unsigned int)(*cursor - '0');
		if (number > max)
			return NULL;
	}
	if (cursor == start || (*start == '0' && cursor - start > 1))
		return NULL;
	*out = number;
	return cursor;
}

static bool read_ipv4(const char *cursor, const char *end, uint8_t out[4])
{
	for (int i = 0; i < 4; i++) {
		unsigned int byte;

		if (i > 0 && (cursor == end || *cursor++ != '.'))
			return false;
		cursor = read_decimal(cursor, end, 255, &byte);
		if (!cursor)
			return false;
		out[i] = (uint8_t)byte;
	}
	return cursor == end;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* One to four hexadecimal digits. Returns what follows them, or NULL. */
static const char *read_group(const char *cursor, const char *end, uint8_t out[2])
{
	const char *start = cursor;
	unsigned int group = 0;

	for (; cursor < end && cursor - start < 4 && hex_digit(*cursor) >= 0; cursor++)
		group = group << 4 | (unsigned int)hex_digit(*cursor);
	if (cursor == start)
		return NULL;
	out[0] = (uint8_t)(group >> 8);
	out[1] = (uint8_t)group;
	return cursor;
}

/*
 * Reads the groups into out, without the zeros that "::" stands for, whose
 * place goes to *gap. Returns the number of bytes, or -1.
 */
static int read_groups(const char *cursor, const char *end, uint8_t out[16], size_t *gap)
{
	size_t count = 0;

	if (end - cursor >= 2 && cursor[0] == ':' && cursor[1] == ':') {
		*gap = 0;
		cursor += 2;
	}
	while (cursor < end) {
		const char *start = cursor;

		if (count == 16)
			return -1;
		cursor = read_group(cursor, end, out + count);
		if (!cursor)
			return -1;
		/* A dotted quad may stand for the last two groups. */
		if (cursor < end && *cursor == '.')
			return count <= 12 && read_ipv4(start, end, out + count) ? (int)count + 4
										 : -1;
		count += 2;
		if (cursor == end)
			break;
		if (*cursor++ != ':' || cursor == end)
			return -1;
		if (*cursor == ':') {
			if (*gap != NO_GAP)
				return -1;
			*gap = count;
			cursor++;
		}
	}
	return (int)count;
}

static bool read_ipv6(const char *cursor, const char *end, uint8_t out[16])
{
	uint8_t bytes[16] = {0};
	size_t gap = NO_GAP;
	int count = read_groups(cursor, end, bytes, &gap);
	size_t tail;

	if (count < 0 || (gap == NO_GAP) != (count == 16))
		return false;
	memset(out, 0, 16);
	if (gap == NO_GAP)
		gap = 16;
	tail = (size_t)count - (gap < (size_t)count ? gap : (size_t)count);
	memcpy(out, bytes, gap < (size_t)count ? gap : (size_t)count);
	memcpy(out + 16 - tail, bytes + count - tail, tail);
	return true;
}

/* Sets family and address. IPv4-mapped addresses are read as IPv6. */
static bool read_address(const char *text, const char *end, struct prefix *out)
{
	memset(out->address, 0, sizeof(out->address));
	out->family = memchr(text, ':', (size_t)(end - text)) ? 6 : 4;
	return out->family == 6 ? read_ipv6(text, end, out->address)
				: read_ipv4(text, end, out->address);
}

static bool is_mapped(const struct prefix *prefix)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return prefix->family == 6 && memcmp(prefix->address, mapped, sizeof(mapped)) == 0;
}

static uint64_t load_be64(const uint8_t *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return be64toh(word);
}

static void store_be64(uint8_t *bytes, uint64_t word)
{
	word = htobe64(word);
	memcpy(bytes, &word, sizeof(word));
}

/* A word whose first bits are set. */
static uint64_t first_bits(int count)
{
	if (count <= 0)
		return 0;
	return count < 64 ? ~(UINT64_MAX >> count) : UINT64_MAX;
}

static bool has_host_bits(const struct prefix *prefix)
{
	return load_be64(prefix->address) & ~first_bits(prefix->length) ||
	       load_be64(prefix->address + 8) & ~first_bits(prefix->length - 64);
}

static void clear_host_bits(struct prefix *prefix)
{
	uint8_t *address = prefix->address;

	store_be64(address, load_be64(address) & first_bits(prefix->length));
	store_be64(address + 8, load_be64(address + 8) & first_bits(prefix->length - 64));
}

enum prefix_problem prefix_parse(const char *text, size_t length, struct prefix *out)
{
	const char *end = text + length;
	const char *slash = length ? memchr(text, '/', length) : NULL;
	struct prefix read;
	unsigned int bits;

	if (length == 0 || !read_address(text, slash ? slash : end, &read) || is_mapped(&read))
		return PREFIX_NOT_AN_ADDRESS;
	bits = family_bits(read.family);
	if (slash && read_decimal(slash + 1, end, bits, &bits) != end)
		return PREFIX_BAD_LENGTH;
	read.length = (uint8_t)bits;
	*out = read;
	if (!has_host_bits(&read))
		return PREFIX_OK;
	clear_host_bits(out);
	return PREFIX_HOST_BITS;
}

bool prefix_is_valid(const struct prefix *prefix)
{
	if (prefix->family != 4 && prefix->family != 6)
		return false;
	return prefix->length <= family_bits(prefix->family) && !is_mapped(prefix) &&
	       !has_host_bits(prefix);
}

static int report_not_an_address(const char *text, struct report *report)
{
	const char *slash = strchr(text, '/');
	struct prefix read;
	char quad[PREFIX_TEXT_LEN];
	char hint[PREFIX_TEXT_LEN + 16];

	if (strchr(text, '%') && strchr(text, ':'))
		return report_error(report, REPORT_USAGE, EINVAL,
				    "leave out the '%' and what follows it: an entry counts on "
				    "every link",
				    "'%s' has a zone", text);
	if (read_address(text, slash ? slash : text + strlen(text), &read) && is_mapped(&read)) {
		prefix_format_address(4, read.address + 12, quad);
		snprintf(hint, sizeof(hint), "did you mean %s?", quad);
		return report_error(report, REPORT_USAGE, EINVAL, hint,
				    "'%s' is an IPv4-mapped address, which no packet carries",
				    text);
	}
	return report_error(report, REPORT_USAGE, EINVAL,
			    "write it as 20.1.2.0/24, 10.1.2.3 or 2001:db8::/32, without leading "
			    "zeros",
			    "'%s' is not an IP address or prefix", text);
}

int prefix_read(const char *text, struct prefix *out, struct report *report)
{
	struct prefix read;
	char canonical[PREFIX_TEXT_LEN];
	char hint[PREFIX_TEXT_LEN + 16];

	switch (prefix_parse(text, strlen(text), &read)) {
	case PREFIX_OK:
		*out = read;
		return 0;
	case PREFIX_BAD_LENGTH:
		return report_error(report, REPORT_USAGE, EINVAL,
				    strchr(text, ':') ? "IPv6 lengths are 0 to 128"
						      : "IPv4 lengths are 0 to 32",
				    "'%s' has no valid length behind its slash", text);
	case PREFIX_HOST_BITS:
		snprintf(hint, sizeof(hint), "did you mean %s?", prefix_format(&read, canonical));
		return report_error(report, REPORT_USAGE, EINVAL, hint,
				    "'%s' has bits set behind its /%u", text, read.length);
	case PREFIX_NOT_AN_ADDRESS:
		break;
	}
	return report_not_an_address(text, report);
}

static char *put_decimal(char *out, unsigned int number)
{
	if (number >= 100)
		*out++ = (char)('0' + number / 100);
	if (number >= 10)
		*out++ = (char)('0' + number / 10 % 10);
	*out++ = (char)('0' + number % 10);
	return out;
}

static char *put_ipv4(char *out, const uint8_t *address)
{
	for (int i = 0; i < 4; i++) {
		if (i > 0)
			*out++ = '.';
		out = put_decimal(out, address[i]);
	}
	return out;
}

static unsigned int group_at(const uint8_t *address, int i)
{
	return (unsigned int)address[2 * i] << 8 | address[2 * i + 1];
}

/* The first of the longest runs of two or more zero groups (RFC 5952, section 4.2). */
static void find_gap(const uint8_t *address, int *start, int *length)
{
	*start = -1;
	*length = 1;
	for (int i = 0; i < 8; i++) {
		int run = 0;

		while (i + run < 8 && group_at(address, i + run) == 0)
			run++;
		if (run > *length) {
			*start = i;
			*length = run;
		}
		i += run;
	}
}

static char *put_group(char *out, unsigned int group)
{
	bool leading = true;

	for (int shift = 12; shift >= 0; shift -= 4) {
		unsigned int digit = group >> shift & 15;

		leading = leading && digit == 0 && shift > 0;
		if (!leading)
			*out++ = "0123456789abcdef"[digit];
	}
	return out;
}

static char *put_ipv6(char *out, const uint8_t *address)
{
	int gap;
	int length;
	int i = 0;

	find_gap(address, &gap, &length);
	while (i < 8) {
		if (i == gap) {
			*out++ = ':';
			*out++ = ':';
			i += length;
			continue;
		}
		if (i > 0 && i != gap + length)
			*out++ = ':';
		out = put_group(out, group_at(address, i));
		i++;
	}
	return out;
}

static char *put_address(char *out, uint8_t family, const uint8_t *address)
{
	return family == 4 ? put_ipv4(out, address) : put_ipv6(out, address);
}

char *prefix_format(const struct prefix *prefix, char out[PREFIX_TEXT_LEN])
{
	char *end = put_address(out, prefix->family, prefix->address);

	*end++ = '/';
	*put_decimal(end, prefix->length) = '\0';
	return out;
}

char *prefix_format_address(uint8_t family, const uint8_t *address, char out[PREFIX_TEXT_LEN])
{
	*put_address(out, family, address) = '\0';
	return out;
}

bool prefix_covers(const struct prefix *prefix, uint8_t family, const uint8_t *address)
{
	size_t bytes = prefix->length / 8;
	unsigned int bits = prefix->length % 8;

	if (prefix->family != family || memcmp(prefix->address, address, bytes) != 0)
		return false;
	return bits == 0 || (prefix->address[bytes] ^ address[bytes]) >> (8 - bits) == 0;
}

int prefix_compare(const struct prefix *a, const struct prefix *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	/* Sorting calls this millions of times: two words instead of memcmp(). */
	for (int i = 0; i < 16; i += 8) {
		uint64_t left = load_be64(a->address + i);
		uint64_t right = load_be64(b->address + i);

		if (left != right)
			return left < right ? -1 : 1;
	}
	return (int)a->length - (int)b->length;
}
