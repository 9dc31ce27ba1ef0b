/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy as people think of it: sets of prefixes, services, the default,
 * links. Plain data with checked edits; nothing here touches the kernel or a
 * file. An edit that fails leaves the policy as it was.
 *
 * Numbers of sets and services are stable while they exist, since counters in
 * the kernel are indexed by them. A number that the running generation uses is
 * not given out again within the same change (`running_*`).
 *
 * Entries are kept in the order of prefix_compare(), then by set, so equal
 * prefixes of several sets are neighbours and a covering prefix comes first.
 */
#ifndef APIMGATE_GATE_POLICY_H
#define APIMGATE_GATE_POLICY_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/prefix.h"
#include "agent/base/report.h"
#include "apimgate/abi.h"

#define POLICY_MAX_PORTS 32 /* ranges of one service */
#define POLICY_MAX_TO 1024  /* destination prefixes of one service */
#define POLICY_MAX_LINKS 64
#define POLICY_COMMENT_LEN 128 /* with the NUL */
#define POLICY_MAX_ENTRIES (4U << 20)

#define POLICY_PLATFORM_NAME "azure-platform"
#define POLICY_OWNER_STATIC "static"

struct policy_set {
	char name[GATE_NAME_LEN];  /* empty: the number is free */
	char owner[GATE_NAME_LEN]; /* "static": the CLI; else the source that fills it */
};

enum policy_proto { POLICY_ANY, POLICY_TCP, POLICY_UDP };

struct policy_ports {
	uint16_t first;
	uint16_t last;
};

struct policy_service {
	char name[GATE_NAME_LEN]; /* empty: the number is free */
	enum policy_proto proto;
	struct policy_ports
		ports[POLICY_MAX_PORTS]; /* none: every port, and with any every protocol */
	uint32_t port_count;
	struct prefix *to; /* owned; none: every destination */
	uint32_t to_count;
	uint64_t sets; /* the platform set is implied, and its bit is never set here */
};

enum policy_link_mode { POLICY_MODE_AUTO, POLICY_MODE_NATIVE, POLICY_MODE_GENERIC };

struct policy_link {
	char device[IF_NAMESIZE];   /* empty: free */
	enum policy_link_mode mode; /* as asked for */
	bool enforce;		    /* after the next boot; a link on trial says no */
};

struct policy_entry {
	struct prefix prefix;
	uint8_t set;
	uint32_t slot;	  /* of the hit counter in the running generation, 0: none yet */
	uint64_t expires; /* seconds since 1970, 0: never */
	char *comment;	  /* owned, or NULL */
};

struct policy {
	uint64_t generation;
	bool default_drop;
	bool non_ip_drop;
	struct policy_set sets[GATE_MAX_SETS];
	struct policy_service services[GATE_MAX_SERVICES];
	struct policy_link links[POLICY_MAX_LINKS];
	struct policy_entry *entries;
	size_t entry_count;
	size_t entry_capacity;

	/* What the running generation uses; set when the policy is read from the kernel. */
	uint64_t running_sets;
	uint64_t running_services;
	uint32_t *running_slots; /* owned */
	size_t running_slot_count;
};

/* A new policy: the platform set with its two addresses, default pass. -ENOMEM. */
int policy_new(struct policy **out);
void policy_free(struct policy *policy);
void policy_freep(struct policy **policy);

/* Index, or -ENOENT with an error that lists what there is. */
int policy_find_set(const struct policy *policy, const char *name, struct report *report);
int policy_find_service(const struct policy *policy, const char *name, struct report *report);
int policy_find_link(const struct policy *policy, const char *device); /* silent */

/* -EEXIST, -EINVAL (name), -ENOSPC. owner: POLICY_OWNER_STATIC or a source's name. */
int policy_add_set(struct policy *policy, const char *name, const char *owner,
		   struct report *report);
/* With its entries. -EBUSY where a service names it (the error says which), or the platform set. */
int policy_delete_set(struct policy *policy, const char *name, struct report *report);

/*
 * Adds one entry. The same prefix in the same set again updates comment and
 * expiry (NULL and 0 remove them); *added says which it was (may be NULL).
 */
int policy_add_entry(struct policy *policy, uint8_t set, const struct prefix *prefix,
		     const char *comment, uint64_t expires, bool *added, struct report *report);

/* Removes the prefix from the set, or, with set < 0, from every set that has it. -ENOENT. */
int policy_delete_entry(struct policy *policy, int set, const struct prefix *prefix,
			size_t *deleted, struct report *report);

struct policy_change {
	size_t before, after, added, removed;
};

/*
 * Makes the set hold exactly these prefixes (any order, duplicates welcome; the
 * array is sorted in place).
 * Comments, expiries and slots of prefixes that stay are kept. O(n log n).
 */
int policy_replace_entries(struct policy *policy, uint8_t set, struct prefix *prefixes,
			   size_t count, struct policy_change *change, struct report *report);

/*
 * Copies the service in, to included. Its name must be new. Ports and
 * destinations may come in any order: they are sorted, duplicates dropped, and
 * port ranges that overlap or touch become one. The platform's bit in sets is
 * ignored; one other set at least must be there.
 */
int policy_add_service(struct policy *policy, const struct policy_service *service,
		       struct report *report);
/* -ENOENT. Its number is not given out again while the running generation counts by it. */
int policy_delete_service(struct policy *policy, const char *name, struct report *report);

/*
 * For readers of documents: the same at a number that must be free, and an
 * entry that need not be in order. policy_append_entry() takes the comment
 * over where it succeeds; once all are there, policy_sort_entries() restores
 * the order, and is -EEXIST where one prefix is twice in a set.
 */
int policy_place_set(struct policy *policy, uint64_t number, const char *name, const char *owner,
		     struct report *report);
int policy_place_service(struct policy *policy, uint64_t number,
			 const struct policy_service *service, struct report *report);
int policy_append_entry(struct policy *policy, const struct policy_entry *entry,
			struct report *report);
int policy_sort_entries(struct policy *policy, struct report *report);

/* Adds the link or replaces the one of that name. */
int policy_set_link(struct policy *policy, const struct policy_link *link, struct report *report);
int policy_delete_link(struct policy *policy, const char *device);

/* The entry of that prefix in that set, or NULL. Any edit ends its life. */
const struct policy_entry *policy_find_entry(const struct policy *policy, uint8_t set,
					     const struct prefix *prefix);

size_t policy_count_entries(const struct policy *policy, uint8_t set);

/* Removes entries whose time is over (seconds since 1970); returns how many. */
size_t policy_expire(struct policy *policy, uint64_t now);

/* One TCP or UDP packet, for the guards: the policy asked in plain loops. */
struct policy_question {
	uint8_t family;
	const uint8_t *source;
	const uint8_t *destination; /* NULL: any */
	uint8_t proto;		    /* IPPROTO_ */
	uint16_t port;
};

enum policy_answer { POLICY_UNCOVERED, POLICY_ADMITTED, POLICY_REFUSED };

/* What the policy, default aside, says of a new connection. now: seconds since 1970. */
enum policy_answer policy_ask(const struct policy *policy, const struct policy_question *question,
			      uint64_t now);

/* "tcp", "udp", "any"; "auto", "native", "generic". */
const char *policy_proto_name(enum policy_proto proto);
const char *policy_mode_name(enum policy_link_mode mode);

/* And back: the enum, or -1. */
int policy_proto_of(const char *name);
int policy_mode_of(const char *name);

#endif
