// SPDX-License-Identifier: Apache-2.0
/* One value of each kind, read strictly: what is not exactly right is refused with the reason. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/words.h"
#include "agent/cli/args.h"
#include "agent/cli/text.h"

static const struct {
	const char *name;
	uint8_t number;
} protocols[] = {
	{"tcp", IPPROTO_TCP},	   {"udp", IPPROTO_UDP},   {"icmp", IPPROTO_ICMP},
	{"icmp6", IPPROTO_ICMPV6}, {"sctp", IPPROTO_SCTP}, {"gre", IPPROTO_GRE},
	{"esp", IPPROTO_ESP},	   {"ah", IPPROTO_AH},	   {"ipip", IPPROTO_IPIP},
	{"ip6", IPPROTO_IPV6},
};

const char *value_protocol_name(uint8_t proto, char out[8])
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (protocols[i].number == proto)
			return protocols[i].name;
	snprintf(out, 8, "%u", proto);
	return out;
}

/* Refuses: "port '80-': a port is missing". The hint may be NULL. */
static int refuse(const struct arg_spec *spec, const char *text, const char *why, const char *hint,
		  struct report *report)
{
	return report_error(report, REPORT_USAGE, EINVAL, hint, "%s '%s': %s", spec->name, text,
			    why);
}

/* Decimal digits only; moves *text behind them. -EINVAL: none, -ERANGE: too large. */
static int take_number(const char **text, uint64_t max, uint64_t *out)
{
	uint64_t number = 0;
	const char *at = *text;

	if (*at < '0' || *at > '9')
		return -EINVAL;
	for (; *at >= '0' && *at <= '9'; at++) {
		unsigned int digit = (unsigned int)(*at - '0');

		if (number > (max - digit) / 10)
			return -ERANGE;
		number = number * 10 + digit;
	}
	*text = at;
	*out = number;
	return 0;
}

static int parse_number(const struct arg_spec *spec, const char *text, struct arg *out,
			struct report *report)
{
	_cleanup_free_ char *hint = NULL;
	const char *at = text;
	int rc = take_number(&at, UINT64_MAX / 2, &out->number);

	if (!rc && !*at && out->number >= spec->min && out->number <= spec->max)
		return 0;
	if (asprintf(&hint, "a number from %llu to %llu", (unsigned long long)spec->min,
		     (unsigned long long)spec->max) < 0)
		hint = NULL;
	return refuse(spec, text, !rc && !*at ? "out of range" : "not a number", hint, report);
}

static uint64_t unit_seconds(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	default:
		return 0;
	}
}

/* "1h30m"; a bare number only where it is known to be seconds. */
static int parse_duration(const struct arg_spec *spec, const char *text, struct arg *out,
			  struct report *report)
{
	static const char hint[] = "write 90s, 10m, 2h, 7d, or 1h30m";
	const char *at = text;
	uint64_t total = 0;

	if (!*at)
		return refuse(spec, text, "not a duration", hint, report);
	while (*at) {
		uint64_t number, unit;
		int rc = take_number(&at, UINT32_MAX, &number);

		if (rc == -ERANGE)
			return refuse(spec, text, "too long", hint, report);
		if (rc)
			return refuse(spec, text, "not a duration", hint, report);
		unit = unit_seconds(*at);
		if (!*at && spec->value == VALUE_SECONDS && !total)
			unit = 1;
		else if (!unit)
			return refuse(spec, text, *at ? "no such unit" : "it has no unit", hint,
				      report);
		else
			at++;
		total += number * unit;
		if (total > spec->max)
			return refuse(spec, text, "too long", hint, report);
	}
	if (total < spec->min)
		return refuse(spec, text, "too short", hint, report);
	out->number = total;
	return 0;
}

static int parse_port(const struct arg_spec *spec, const char *text, const char **at, uint16_t *out,
		      struct report *report)
{
	static const char hint[] = "write 443, 8443-8450, or 80,443";
	uint64_t number;
	int rc = take_number(at, 65535, &number);

	if (rc == -EINVAL)
		return refuse(spec, text, "not a list of ports", hint, report);
	if (rc || !number)
		return refuse(spec, text, "a port is 1 to 65535", hint, report);
	*out = (uint16_t)number;
	return 0;
}

static int parse_port_range(const struct arg_spec *spec, const char *text, const char **at,
			    struct policy_ports *out, struct report *report)
{
	_cleanup_free_ char *hint = NULL;
	int rc = parse_port(spec, text, at, &out->first, report);

	if (rc)
		return rc;
	out->last = out->first;
	if (**at != '-')
		return 0;
	++*at;
	rc = parse_port(spec, text, at, &out->last, report);
	if (rc)
		return rc;
	if (out->first <= out->last)
		return 0;
	if (asprintf(&hint, "write %u-%u", out->last, out->first) < 0)
		hint = NULL;
	return refuse(spec, text, "the range is upside down", hint, report);
}

static int parse_ports(const struct arg_spec *spec, const char *text, struct arg *out,
		       struct report *report)
{
	const char *at = text;

	out->ports = calloc(POLICY_MAX_PORTS, sizeof(*out->ports));
	if (!out->ports)
		return report_errno(report, ENOMEM, "reading the ports");
	for (;;) {
		int rc;

		if (out->count == POLICY_MAX_PORTS)
			return refuse(spec, text, "more than 32 ranges",
				      "make a second service for the others", report);
		rc = parse_port_range(spec, text, &at, &out->ports[out->count++], report);
		if (rc)
			return rc;
		if (!*at)
			return 0;
		if (*at++ != ',')
			return refuse(spec, text, "not a list of ports",
				      "write 443, 8443-8450, or 80,443", report);
	}
}

int value_refuse_prefix(enum prefix_problem problem, const char *text, const struct prefix *prefix,
			struct report *report)
{
	_cleanup_free_ char *hint = NULL;
	char canonical[PREFIX_TEXT_LEN];

	if (problem == PREFIX_HOST_BITS) {
		if (asprintf(&hint, "the prefix is %s", prefix_format(prefix, canonical)) < 0)
			hint = NULL;
		return report_error(report, REPORT_USAGE, EINVAL, hint,
				    "'%s' has bits set behind its length", text);
	}
	if (problem == PREFIX_BAD_LENGTH)
		return report_error(report, REPORT_USAGE, EINVAL,
				    "the length is 0 to 32 for IPv4 and 0 to 128 for IPv6",
				    "'%s': the length of the prefix is not right", text);
	return report_error(report, REPORT_USAGE, EINVAL,
			    "write 20.1.2.0/24, 2001:db8::/32, or one address",
			    "'%s' is not an IP prefix", text);
}

static int parse_prefix(const char *text, size_t length, struct prefix *out, struct report *report)
{
	_cleanup_free_ char *copy = NULL;
	enum prefix_problem problem = prefix_parse(text, length, out);

	if (problem == PREFIX_OK)
		return 0;
	copy = strndup(text, length);
	return value_refuse_prefix(problem, copy ? copy : text, out, report);
}

static int parse_address(const struct arg_spec *spec, const char *text, struct arg *out,
			 struct report *report)
{
	if (!strchr(text, '/') && prefix_parse(text, strlen(text), &out->prefix) == PREFIX_OK)
		return 0;
	return refuse(spec, text, "not an IP address", "write 20.1.2.3 or 2001:db8::1", report);
}

static size_t count_items(const char *text)
{
	size_t count = 1;

	for (; *text; text++)
		count += *text == ',';
	return count;
}

static int parse_prefixes(const char *text, struct arg *out, struct report *report)
{
	out->prefixes = calloc(count_items(text), sizeof(*out->prefixes));
	if (!out->prefixes)
		return report_errno(report, ENOMEM, "reading the prefixes");
	for (const char *at = text;; at++) {
		size_t length = strcspn(at, ",");
		int rc = parse_prefix(at, length, &out->prefixes[out->count], report);

		if (rc)
			return rc;
		out->count++;
		at += length;
		if (!*at)
			return 0;
	}
}

static int parse_name(const struct arg_spec *spec, const char *text, struct report *report)
{
	if (words_is_name(text))
		return 0;
	return refuse(spec, text, "not a name",
		      "1 to 31 letters, digits, '.', '_' or '-', a letter or digit first", report);
}

/* One allocation: the array, and behind it the copy that it points into. */
static int parse_names(const struct arg_spec *spec, const char *text, struct arg *out,
		       struct report *report)
{
	size_t count = count_items(text), length = strlen(text) + 1;
	char *at, *rest;

	out->names = malloc(count * sizeof(*out->names) + length);
	if (!out->names)
		return report_errno(report, ENOMEM, "reading the names");
	rest = memcpy((char *)(out->names + count), text, length);
	while ((at = strsep(&rest, ","))) {
		int rc = parse_name(spec, at, report);

		if (rc)
			return rc;
		out->names[out->count++] = at;
	}
	return 0;
}

static int parse_device(const struct arg_spec *spec, const char *text, struct report *report)
{
	size_t length = strlen(text);
	bool is_odd = !length || length >= IF_NAMESIZE || !strcmp(text, ".") || !strcmp(text, "..");

	for (const char *at = text; *at; at++)
		is_odd |= *at <= ' ' || *at == '/' || *at == ':' || *at == 0x7f;
	if (!is_odd)
		return 0;
	return refuse(spec, text, "not the name of an interface",
		      "`ip link` lists them; a name has at most 15 characters", report);
}

static int parse_choice(const struct arg_spec *spec, const char *text, struct arg *out,
			struct report *report)
{
	struct candidates candidates = {0};
	char what[64];
	int found;

	for (size_t i = 0; spec->choices[i]; i++)
		candidates_add(&candidates, spec->choices[i]);
	if (spec->shape == ARG_KEYWORD)
		snprintf(what, sizeof(what), "value of %s:", spec->name);
	else
		snprintf(what, sizeof(what), "word:");
	found = candidates_find(&candidates, text, what, report);
	if (found < 0)
		return found;
	out->number = (uint64_t)found;
	return 0;
}

static int parse_protocol(const struct arg_spec *spec, const char *text, struct arg *out,
			  struct report *report)
{
	const char *at = text;

	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (strcmp(protocols[i].name, text) != 0)
			continue;
		out->number = protocols[i].number;
		return 0;
	}
	if (!take_number(&at, 255, &out->number) && !*at)
		return 0;
	return refuse(spec, text, "not a protocol", "tcp, udp, icmp, icmp6, or a number up to 255",
		      report);
}

static int parse_text(const struct arg_spec *spec, const char *text, struct report *report)
{
	if (strlen(text) >= POLICY_COMMENT_LEN)
		return refuse(spec, text, "too long", "at most 127 bytes", report);
	if (!text_is_clean(text))
		return refuse(spec, text, "it holds characters that cannot be shown",
			      "printable text in UTF-8, on one line", report);
	return 0;
}

int value_parse(const struct arg_spec *spec, const char *text, struct arg *out,
		struct report *report)
{
	out->text = text;
	switch (spec->value) {
	case VALUE_NAME:
	case VALUE_SET:
	case VALUE_SERVICE:
		return parse_name(spec, text, report);
	case VALUE_SETS:
		return parse_names(spec, text, out, report);
	case VALUE_DEVICE:
		return parse_device(spec, text, report);
	case VALUE_PREFIX:
		return parse_prefix(text, strlen(text), &out->prefix, report);
	case VALUE_PREFIXES:
		return parse_prefixes(text, out, report);
	case VALUE_ADDRESS:
		return parse_address(spec, text, out, report);
	case VALUE_NUMBER:
		return parse_number(spec, text, out, report);
	case VALUE_DURATION:
	case VALUE_SECONDS:
		return parse_duration(spec, text, out, report);
	case VALUE_PORTS:
		return parse_ports(spec, text, out, report);
	case VALUE_PROTOCOL:
		return parse_protocol(spec, text, out, report);
	case VALUE_CHOICE:
		return parse_choice(spec, text, out, report);
	case VALUE_TEXT:
		return parse_text(spec, text, report);
	case VALUE_FILE:
		return *text ? 0 : refuse(spec, text, "not a file name", NULL, report);
	case VALUE_OBJECT: /* looked up by whoever asked for it */
	case VALUE_NONE:
	case VALUE_KIND_COUNT:
		break;
	}
	return 0;
}

void value_clear(struct arg *value)
{
	free(value->prefixes);
	free(value->ports);
	free(value->names);
	*value = (struct arg){0};
}
