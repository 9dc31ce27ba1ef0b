/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/*
 * Every verdict has exactly one reason. This table is the only place where a
 * reason is defined: the enum, the names in text and JSON, the counters, the
 * man page and the completeness test all come from it.
 *
 * GATE_REASON(SYMBOL, name, verdict, description)
 *
 * The names are part of the stable JSON schema. New reasons are added at the
 * end, since counters of a running gate are indexed by position.
 */
#ifndef APIMGATE_REASONS_H
#define APIMGATE_REASONS_H

#define GATE_REASONS(GATE_REASON)                                                                  \
	GATE_REASON(ALLOWED, "allowed", PASS, "the source is in a set that the service admits")    \
	GATE_REASON(UNPROTECTED, "unprotected", PASS,                                              \
		    "no service covers it and the default is pass")                                \
	GATE_REASON(ARP, "arp", PASS, "address resolution always passes")                          \
	GATE_REASON(NON_IP, "non-ip", PASS, "neither IPv4 nor IPv6")                               \
	GATE_REASON(NEIGHBOUR, "neighbour", PASS, "IPv6 neighbour discovery or MLD")               \
	GATE_REASON(ICMP_ERROR, "icmp-error", PASS,                                                \
		    "ICMP or ICMPv6 error, path MTU discovery included")                           \
	GATE_REASON(DHCP, "dhcp", PASS, "DHCP or DHCPv6 reply to a client")                        \
	GATE_REASON(PLATFORM, "platform", PASS,                                                    \
		    "default drop, but the source is in azure-platform")                           \
	GATE_REASON(REPLY, "reply", PASS, "default drop, but it answers this host's own traffic")  \
	GATE_REASON(NOT_ALLOWED, "not-allowed", DROP,                                              \
		    "no service that it reaches admits the source")                                \
	GATE_REASON(DEFAULT_DROP, "default-drop", DROP,                                            \
		    "no service covers it and the default is drop")                                \
	GATE_REASON(FRAGMENT, "fragment", DROP,                                                    \
		    "a fragment without ports, and the source is not admitted")                    \
	GATE_REASON(EXT_HEADERS, "ext-headers", DROP,                                              \
		    "IPv6 extension headers hide the destination port")                            \
	GATE_REASON(MALFORMED, "malformed", DROP,                                                  \
		    "a header is cut short or contradicts the frame")                              \
	GATE_REASON(VLAN_DEPTH, "vlan-depth", DROP, "more than four VLAN tags")                    \
	GATE_REASON(NON_IP_DROP, "non-ip-drop", DROP, "neither IPv4 nor IPv6, and non-ip is drop") \
	GATE_REASON(NO_GENERATION, "no-generation", DROP, "no generation is loaded: fails closed")

#define GATE_REASON_ENUM(symbol, name, verdict, text) GATE_##symbol,
enum gate_reason { GATE_REASONS(GATE_REASON_ENUM) GATE_REASON_COUNT };
#undef GATE_REASON_ENUM

enum gate_verdict { GATE_VERDICT_PASS, GATE_VERDICT_DROP };

/* The mask of reasons that drop: verdict = table[reason], in one constant. */
#define GATE_REASON_DROP_BIT(symbol, name, verdict, text) \
	| ((GATE_VERDICT_##verdict == GATE_VERDICT_DROP ? 1ULL : 0ULL) << GATE_##symbol)
#define GATE_REASON_DROPS (0ULL GATE_REASONS(GATE_REASON_DROP_BIT))

#endif
