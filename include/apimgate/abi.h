/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/*
 * What the XDP program and userspace share: the layout of a generation, of a
 * link's maps and of an event. Fixed-width types only; every struct is pinned
 * by a static assertion. Integers are in host byte order unless said.
 *
 * A change to anything here needs a new GATE_LAYOUT: a gate that is pinned
 * with another layout is refused, never guessed at.
 *
 * A generation is one address space of bytes, written once by userspace:
 *
 *   0                 GATE_HEAD_SIZE                             ...
 *   | struct gate_head, then the arena | page 0 | page 1 | ...    |
 *
 * The head is one value of an array map, the pages are values of a second
 * one. A "ref" is a byte offset into that space. An object that the program
 * reads never straddles a page border, and a trie node lies in the same page
 * as its values. Everything of a small list fits in the head, and then the
 * program reaches it without one helper call.
 */
#ifndef APIMGATE_ABI_H
#define APIMGATE_ABI_H

#include <linux/types.h>

#include "reasons.h"

#define GATE_MAGIC 0x6574616761706931ULL
#define GATE_LAYOUT 1

#define GATE_MAX_SERVICES 64
#define GATE_MAX_SETS 64
#define GATE_MAX_REASONS 32
#define GATE_MAX_CLASSES 256
#define GATE_MAX_RIGHTS 2048
#define GATE_MAX_TEMPORARY 8
#define GATE_NAME_LEN 32

#define GATE_MAX_VLANS 4
#define GATE_MAX_EXT_HEADERS 8

/* The set that exists from the start and may reach every service. */
#define GATE_SET_PLATFORM 0

#define GATE_PAGE_SHIFT 16
#define GATE_PAGE_SIZE (1U << GATE_PAGE_SHIFT)
#define GATE_HEAD_PAGES 6
#define GATE_HEAD_SIZE (GATE_HEAD_PAGES * GATE_PAGE_SIZE)

/*
 * Values of a trie: none, an entry's slot, or (top bit) a node's ref in units
 * of sizeof(struct gate_node).
 */
#define GATE_TRIE_NONE 0U
#define GATE_TRIE_CHILD 0x80000000U

/*
 * One 8-bit step of the trie. The 256 positions are run-coded: a set bit
 * starts a new run, and the value of position p is
 * values[number of set bits in 0..p - 1]. Bit 0 is always set.
 */
struct gate_node {
	__u64 starts[4];
	__u8 before[4]; /* set bits in the words before this one */
	__u32 values;	/* ref of the values, in units of 4 bytes */
	__u32 own[6];	/* room for the values of a node with few runs */
};

/*
 * A prefix table. The front is a bitmap over the first bits of the address:
 * a clear bit means that no prefix covers it, which settles a flood with one
 * load. root: a node (steps of 8 bits from the first), or, with root_wide, a
 * table of 65,536 values for the first 16 bits.
 */
struct gate_trie {
	__u32 front;	   /* ref, in the head; 0: the table is empty */
	__u32 front_shift; /* bit number = first 32 address bits >> front_shift */
	__u32 root;	   /* ref */
	__u32 root_wide;
};

enum gate_table { GATE_SRC4, GATE_SRC6, GATE_DST4, GATE_DST6, GATE_TABLES };

/* What a prefix may do, itself and all that cover it, as far as permanent. */
struct gate_rights {
	__u64 services;
	__u64 sets;
};

/* By slot. Slots of unchanged prefixes stay the same from one generation to the next. */
struct gate_entry {
	__u32 rights;	 /* index into the head's rights */
	__u32 temporary; /* 1 + index of the first temporary right; 0: none */
};

/* A right that ends by itself, whoever is alive; a chain from long to short prefixes. */
struct gate_temporary {
	__u64 services;
	__u64 sets;
	__u64 expires; /* ns, CLOCK_BOOTTIME */
	__u32 next;    /* as gate_entry.temporary */
	__u32 pad;
	__u64 unused[4];
};

struct gate_head {
	__u64 magic;
	__u32 layout;
	__u32 pages_slot; /* which element of the outer map holds the pages */
	__u64 generation;
	__u32 hits_slot; /* likewise for the hit counters */
	__u32 hits_capacity;

	__u8 default_drop;
	__u8 non_ip_drop;
	__u8 pad[2];
	__u32 page_count;
	__u64 all_services;
	__u64 to_services; /* services that have destination prefixes */

	struct gate_trie tries[GATE_TABLES];
	__u32 entries;	   /* ref of struct gate_entry[slot_count] */
	__u32 slot_count;  /* slot 0 is never used */
	__u32 temporaries; /* ref of struct gate_temporary[] */
	__u32 rights_count;

	/* For userspace only: the document the generation was made from. */
	__u32 document;	       /* ref */
	__u32 document_length; /* bytes */
	__u32 slots;	       /* ref of __u32[]: slot of each unique prefix, in order */
	__u32 slots_count;
	__u32 lookup_bytes; /* what the lookup of sources uses of this space */
	__u32 pad2[9];

	/* Sets that a service admits. */
	__u64 service_sets[GATE_MAX_SERVICES];
	/* Services by protocol where ports do not matter or cannot be known. */
	__u64 proto_services[256];
	__u64 class_services[GATE_MAX_CLASSES];
	__u8 port_class[2][65536]; /* TCP, UDP */
	struct gate_rights rights[GATE_MAX_RIGHTS];
	__u64 arena[];
};

/* ---- A link: one program instance, attached to one interface ---- */

enum gate_link_policy { GATE_AUDIT, GATE_ENFORCE };

struct gate_link_config {
	__u64 deadline;		   /* ns, CLOCK_BOOTTIME; 0: none. Past it the link audits */
	__u32 policy;		   /* enum gate_link_policy */
	__u32 asked;		   /* for userspace: the mode it was attached with */
	char build[GATE_NAME_LEN]; /* for userspace: of the program on the link */
};

struct gate_count {
	__u64 packets;
	__u64 bytes;
};

/* Counters of one CPU; only that CPU writes them. */
struct gate_cpu {
	struct gate_count reason[GATE_MAX_REASONS];
	struct gate_count would_drop[GATE_MAX_REASONS]; /* audit: passed, with this reason */
	struct gate_count service_pass[GATE_MAX_SERVICES];
	struct gate_count service_drop[GATE_MAX_SERVICES];
	struct gate_count set[GATE_MAX_SETS];
	/* Event budget: GATE_EVENTS_PER_WINDOW in GATE_WINDOW_JIFFIES. */
	__u64 window;
	__u32 credit;
	__u32 skipped;	   /* drops without an event since the last event */
	__u64 events_lost; /* the ring was full */
	__u64 events_sent;
	__u64 unused[4];
};

#define GATE_EVENT_BYTES 96
#define GATE_NO_SERVICE 255

enum gate_event_flags { GATE_EVENT_WOULD_DROP = 1 };

struct gate_event {
	__u64 time; /* ns, CLOCK_BOOTTIME */
	__u32 ifindex;
	__u32 skipped; /* drops of this CPU that were not sampled since its last event */
	__u32 frame_length;
	__u16 captured;
	__u8 reason;
	__u8 flags;
	__u8 family; /* 4, 6, or 0 where the frame is not IP */
	__u8 proto;
	__u8 service; /* the first service that it would have reached, or GATE_NO_SERVICE */
	__u8 ports_known;
	__u16 sport; /* host byte order */
	__u16 dport;
	__u8 source[16]; /* IPv4: the first four bytes */
	__u8 destination[16];
	__u8 bytes[GATE_EVENT_BYTES];
};

/* What the probe, the same program with `probe` set, says of one frame. */
struct gate_explanation {
	__u32 reason;
	__u32 would_drop;
	__u64 candidates; /* services */
	__u32 slot;	  /* of the longest prefix that covers the source; 0: none */
	__u8 service;	  /* that decided, or GATE_NO_SERVICE */
	__u8 set;	  /* that admitted */
	__u8 pad[2];
	__u64 generation;
};

/* Stamped into the pins, so that no other layout is ever touched. */
struct gate_meta {
	__u64 magic;
	__u32 layout;
	__u32 shards; /* of the hit counters; one more belongs to userspace */
	char build[GATE_NAME_LEN];
};

#define GATE_STATIC_ASSERT(name, condition) _Static_assert(condition, name)
GATE_STATIC_ASSERT("node is one cache line", sizeof(struct gate_node) == 64);
GATE_STATIC_ASSERT("trie", sizeof(struct gate_trie) == 16);
GATE_STATIC_ASSERT("entry", sizeof(struct gate_entry) == 8);
GATE_STATIC_ASSERT("temporary is one cache line", sizeof(struct gate_temporary) == 64);
GATE_STATIC_ASSERT("link config", sizeof(struct gate_link_config) == 48);
GATE_STATIC_ASSERT("cpu counters are whole cache lines", sizeof(struct gate_cpu) % 64 == 0);
GATE_STATIC_ASSERT("event", sizeof(struct gate_event) == 160);
GATE_STATIC_ASSERT("explanation", sizeof(struct gate_explanation) == 32);
GATE_STATIC_ASSERT("meta", sizeof(struct gate_meta) == 48);
GATE_STATIC_ASSERT("arena starts aligned", sizeof(struct gate_head) % 64 == 0);
GATE_STATIC_ASSERT("head leaves room for fronts", sizeof(struct gate_head) <= 3 * GATE_PAGE_SIZE);
GATE_STATIC_ASSERT("every reason has a counter", GATE_REASON_COUNT <= GATE_MAX_REASONS);

#endif
