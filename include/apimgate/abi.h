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
 *   0                GATE_HEAD_SIZE        GATE_PAGES_START               ...
 *   | struct gate_head, then the arena | - | page | page | ...             |
 *
 * The head is the one value of an array map, and so is each page. A "ref" is
 * a byte offset into that space, a "unit" one in cache lines of 64 bytes. An
 * object that the program reads never straddles a page border, and a node
 * lies in the same page as its values. All of a list of some 2,000 prefixes
 * fits in the head; what does not is in pages. No lookup of a map costs a call:
 * sizes and numbers of elements are constants, so the kernel compiles them inline.
 */
#ifndef APIMGATE_ABI_H
#define APIMGATE_ABI_H

#include <linux/types.h>

#include "reasons.h"

#define GATE_MAGIC 0x6574616761706931ULL
#define GATE_LAYOUT 2

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

#define GATE_HEAD_SIZE (384U << 10)
#define GATE_PAGE_SHIFT 18
#define GATE_PAGE_SIZE (1U << GATE_PAGE_SHIFT)
#define GATE_PAGES_START (2 * GATE_PAGE_SIZE)
/* Pages that a generation's address space can have, those before the first included. */
#define GATE_MAX_PAGES 1024U
#define GATE_UNIT 64U

/* Hit counters: an array a CPU (or group of CPUs) for each GATE_HITS_SLOTS slots. */
#define GATE_HITS_SHIFT 11
#define GATE_HITS_SLOTS (1U << GATE_HITS_SHIFT)
#define GATE_SLOT_BITS 21
#define GATE_MAX_SLOTS (1U << GATE_SLOT_BITS)
#define GATE_HITS_CHUNKS (GATE_MAX_SLOTS >> GATE_HITS_SHIFT)

/*
 * A value of a prefix table: GATE_TRIE_NONE, or a number of 31 bits that its
 * maker understands, or (top bit) what to read next: kind, at which bit of the
 * address its key starts, and its unit.
 */
#define GATE_TRIE_NONE 0U
#define GATE_TRIE_CHILD 0x80000000U
#define GATE_KIND_SHIFT 29 /* 2 bits, enum gate_kind */
#define GATE_BIT_SHIFT 23  /* 6 bits, half the number of the bit */
#define GATE_UNIT_MASK 0x7fffffU

enum gate_kind { GATE_NODE, GATE_LINE32, GATE_LINE64, GATE_BUCKET };

/* No chain of a lookup is longer, in children read after the root. */
#define GATE_MAX_STEPS4 5
#define GATE_MAX_STEPS6 18
#define GATE_MAX_BUCKETS 4

/*
 * 8 bits of the address: 256 positions, run-coded. A set bit starts a new run,
 * and the value of position p is values[number of set bits in 1..p]. Bit 0 is
 * always set.
 */
struct gate_node {
	__u64 starts[4];
	__u8 before[4]; /* set bits in the words before this one */
	__u32 values;	/* ref of the values, in units of 4 bytes */
	__u32 own[6];	/* room for the values of a node with few runs */
};

/*
 * 32 or 62 bits of the address (bits past its end are zero): value[i] is that
 * of keys from from[i - 1] to before from[i]. Unused ones at the end have a
 * greatest key, and repeat the last value. 62 bits, so that the difference of
 * two keys fits into 63 and its sign tells which is greater.
 */
struct gate_line32 {
	__u32 from[7]; /* or ~0 */
	__u32 value[8];
	__u32 pad;
};

#define GATE_LINE64_BITS 62
#define GATE_KEY_UNUSED (1ULL << 62)

struct gate_line64 {
	__u32 value[6];
	__u64 from[5]; /* or GATE_KEY_UNUSED */
};

/*
 * The first 48 bits of an address, hashed: value[i] is that of key[i], and
 * value[5] that of all others, which is another bucket or GATE_TRIE_NONE.
 */
#define GATE_BUCKET_BITS 48
#define GATE_BUCKET_KEYS 5

struct gate_bucket {
	__u32 value[GATE_BUCKET_KEYS + 1];
	__u64 key[GATE_BUCKET_KEYS]; /* or GATE_KEY_UNUSED */
};

/* Multiplicative hashing: the top bits of key * GATE_HASH are the hash. */
#define GATE_HASH 0x9e3779b97f4a7c15ULL

/*
 * A prefix table. Fronts are bitmaps; where both have a clear bit no prefix
 * covers the address, which settles a flood. The plain one is over the first
 * bits of the address; the hashed one, which IPv6 may have, over the hash of
 * its first 32 bits, and stands for all prefixes that are no shorter.
 *
 * Then buckets are asked, if there are any (IPv6): they know all prefixes that
 * are no shorter than 48 bits. What they do not know is looked up in the root,
 * a table of values for the first bits, and what it leads to.
 */
struct gate_trie {
	__u32 front;	     /* ref of __u64[] */
	__u32 front_shift;   /* bit number = first 32 bits of the address >> front_shift */
	__u32 hashed;	     /* ref of __u64[]; 0: none */
	__u32 hashed_shift;  /* bit number = hash >> hashed_shift */
	__u32 root;	     /* ref of __u32[]; 0: the table is empty */
	__u32 root_shift;    /* index = first 32 bits of the address >> root_shift */
	__u32 buckets;	     /* unit; 0: none */
	__u32 buckets_shift; /* index = hash >> buckets_shift */
};

enum gate_table { GATE_SRC4, GATE_SRC6, GATE_DST4, GATE_DST6, GATE_TABLES };

/* What a prefix may do, itself and all that cover it, as far as permanent. */
struct gate_rights {
	__u64 services;
	__u64 sets;
};

/*
 * What a table of sources says of a prefix: its slot (which numbers its hit
 * counter, and stays the same from one generation to the next) and, above it,
 * the index of its rights. If that is GATE_RIGHTS_SPECIAL, the lower bits are
 * an index of gate_special instead. Destinations: 1 + index of the rights.
 */
#define GATE_RIGHTS_SPECIAL ((1U << (31 - GATE_SLOT_BITS)) - 1)

struct gate_special {
	__u32 slot;
	__u32 rights;	 /* index into the head's rights */
	__u32 temporary; /* 1 + index of the first temporary right; 0: none */
	__u32 pad;
};

/* A right that ends by itself, whoever is alive; a chain from long to short prefixes. */
struct gate_temporary {
	__u64 services;
	__u64 sets;
	__u64 expires; /* ns, CLOCK_BOOTTIME */
	__u32 next;    /* as gate_special.temporary */
	__u32 pad;
	__u64 unused[4];
};

struct gate_head {
	__u64 magic;
	__u32 layout;
	__u32 pages; /* element of the outer map that would hold ref 0 */
	__u64 generation;

	__u8 default_drop;
	__u8 non_ip_drop;
	__u8 pad[2];
	__u32 page_count;
	__u64 all_services;
	__u64 to_services; /* services that have destination prefixes */

	struct gate_trie tries[GATE_TABLES];
	__u32 specials;	   /* ref of struct gate_special[] */
	__u32 temporaries; /* ref of struct gate_temporary[] */
	__u32 rights_count;
	__u32 slot_count; /* slot 0 is never used */

	/*
	 * For userspace only: the map that holds __u32 slots[slots_count], the slot of
	 * each distinct prefix in order, and then the document that the generation was
	 * made from.
	 */
	__u32 notes; /* id of the map */
	__u32 slots_count;
	__u32 document_length; /* bytes */
	__u32 lookup_bytes;    /* what the lookup of sources uses of this space */
	__u32 pad2[12];

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
	__u64 frame[8]; /* the program's notes on the frame at hand */
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
	__u32 shards; /* of the hit counters */
	char build[GATE_NAME_LEN];
};

#define GATE_STATIC_ASSERT(name, condition) _Static_assert(condition, name)
GATE_STATIC_ASSERT("node is one cache line", sizeof(struct gate_node) == 64);
GATE_STATIC_ASSERT("lines are cache lines", sizeof(struct gate_line32) == GATE_UNIT);
GATE_STATIC_ASSERT("lines are cache lines", sizeof(struct gate_line64) == GATE_UNIT);
GATE_STATIC_ASSERT("buckets are cache lines", sizeof(struct gate_bucket) == GATE_UNIT);
GATE_STATIC_ASSERT("units reach every page",
		   GATE_MAX_PAGES <= ((GATE_UNIT_MASK + 1ULL) * GATE_UNIT) >> GATE_PAGE_SHIFT);
GATE_STATIC_ASSERT("trie", sizeof(struct gate_trie) == 32);
GATE_STATIC_ASSERT("special", sizeof(struct gate_special) == 16);
GATE_STATIC_ASSERT("temporary is one cache line", sizeof(struct gate_temporary) == 64);
GATE_STATIC_ASSERT("link config", sizeof(struct gate_link_config) == 48);
GATE_STATIC_ASSERT("cpu counters are whole cache lines", sizeof(struct gate_cpu) % 64 == 0);
GATE_STATIC_ASSERT("event", sizeof(struct gate_event) == 160);
GATE_STATIC_ASSERT("explanation", sizeof(struct gate_explanation) == 32);
GATE_STATIC_ASSERT("meta", sizeof(struct gate_meta) == 48);
GATE_STATIC_ASSERT("arena starts aligned", sizeof(struct gate_head) % 64 == 0);
GATE_STATIC_ASSERT("every reason has a counter", GATE_REASON_COUNT <= GATE_MAX_REASONS);

#endif
