/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IP prefixes and addresses as text and as bytes (network byte order).
 * Text: RFC 4291 and dotted quads, strictly: no leading zeros, no shorthand.
 */
#ifndef APIMGATE_BASE_PREFIX_H
#define APIMGATE_BASE_PREFIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/report.h"

#define PREFIX_TEXT_LEN 64

struct prefix {
	uint8_t address[16]; /* IPv4: the first 4 bytes, the rest zero */
	uint8_t family;	     /* 4 or 6 */
	uint8_t length;	     /* bits */
};

enum prefix_problem {
	PREFIX_OK = 0,
	PREFIX_NOT_AN_ADDRESS, /* the part before the slash */
	PREFIX_BAD_LENGTH,     /* not a number, or larger than the family allows */
	PREFIX_HOST_BITS,      /* bits behind the length are set: *out is the canonical form */
};

/*
 * Reads "10.0.0.0/8", "2001:db8::/32" or a bare address (a /32 or /128) from
 * text of length bytes, which need not end in NUL. *out is set where the
 * result is PREFIX_OK or PREFIX_HOST_BITS. IPv4-mapped IPv6 (::ffff:1.2.3.4)
 * is PREFIX_NOT_AN_ADDRESS: no frame carries it, so a rule for it never hits.
 */
enum prefix_problem prefix_parse(const char *text, size_t length, struct prefix *out);

/* The same for a user's argument: all but PREFIX_OK is -EINVAL with a REPORT_USAGE error. */
int prefix_read(const char *text, struct prefix *out, struct report *report);

/* Is it one that prefix_parse() could have returned: a known family, no host bits, not mapped? */
bool prefix_is_valid(const struct prefix *prefix);

/* Writes the canonical text (RFC 5952), always with the length. Returns out. */
char *prefix_format(const struct prefix *prefix, char out[PREFIX_TEXT_LEN]);

/* The address alone, without the length. Returns out. */
char *prefix_format_address(uint8_t family, const uint8_t *address, char out[PREFIX_TEXT_LEN]);

/* Does the prefix cover the address of that family? */
bool prefix_covers(const struct prefix *prefix, uint8_t family, const uint8_t *address);

/* Order: family, address, length. A covering prefix comes before what it covers. */
int prefix_compare(const struct prefix *a, const struct prefix *b);

#endif
