/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The maps. "Shared" ones belong to the gate and are the same for all its
 * links; "own" ones belong to one link, whose program is loaded with them.
 * What varies between links and kernels is read-only data, set before the
 * program is loaded, so the verifier removes what does not apply.
 */
#ifndef APIMGATE_BPF_MAPS_H
#define APIMGATE_BPF_MAPS_H

#include <linux/bpf.h> /* before libbpf's headers, which use its types */

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "apimgate/abi.h"

/*
 * Shared. The one element is the running generation: replacing it is the one
 * store that switches from one generation to the next. The inner maps have
 * equal sizes, so their lookup is compiled inline.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_ARRAY);
			__uint(max_entries, 1);
			__uint(map_flags, BPF_F_MMAPABLE);
			__type(key, __u32);
			__uint(value_size, GATE_HEAD_SIZE);
		});
} gate_heads SEC(".maps");

/* Shared. Pages of the running generation and of the next, from head.pages on. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2 * GATE_MAX_PAGES);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_ARRAY);
			__uint(max_entries, 1);
			__uint(map_flags, BPF_F_MMAPABLE);
			__type(key, __u32);
			__uint(value_size, GATE_PAGE_SIZE);
		});
} gate_pages SEC(".maps");

struct gate_hits {
	__u64 count[GATE_HITS_SLOTS];
};

/*
 * Shared. Packets by slot: element shard * GATE_HITS_CHUNKS + chunk. A CPU has
 * a shard of its own, unless there are too many CPUs for the memory. Userspace
 * sets the number of elements before loading.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, GATE_HITS_CHUNKS);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_ARRAY);
			__uint(max_entries, 1);
			__uint(map_flags, BPF_F_MMAPABLE);
			__type(key, __u32);
			__uint(value_size, sizeof(struct gate_hits));
		});
} gate_hits SEC(".maps");

/* Shared. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 19);
} gate_events SEC(".maps");

/* Shared. Read by userspace only: says whose pins these are. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct gate_meta);
} gate_meta SEC(".maps");

/* Own. One element a possible CPU; userspace sets the number before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct gate_cpu);
} gate_cpus SEC(".maps");

/* Own. */
struct gate_link_config link_config SEC(".data.link");

/* Own, and only of the probe. */
struct gate_explanation explanation SEC(".data.probe");

/* Is this the probe, which explains a frame and counts nothing? */
const volatile __u8 is_probe = 0;
/* Can the kernel give us frames of more than one buffer (5.18)? */
const volatile __u8 has_frags = 0;
/* Number of shards for CPUs, a power of two, less one. */
const volatile __u32 shard_mask = 0;
/* Do several CPUs share a shard, so that hits must be added atomically? */
const volatile __u8 shards_are_shared = 0;
/*
 * How long an event window is, and how many events it may have on each CPU.
 * 25 jiffies are 25 to 250 ms at the usual 1,000 to 100 Hz.
 */
const volatile __u64 window_jiffies = 25;
const volatile __u32 events_per_window = 16;

#endif
