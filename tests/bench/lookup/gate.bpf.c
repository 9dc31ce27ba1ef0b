// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The product's own lookup, in its own maps. */
#include "bpf/lookup.h"
#include "tests/bench/lookup/programs.h"

static __always_inline const struct gate_head *get_head(void)
{
	__u32 zero = 0;
	void *heads = bpf_map_lookup_elem(&gate_heads, &zero);

	return heads ? bpf_map_lookup_elem(heads, &zero) : NULL;
}

static __always_inline __u32 look(__u64 high, __u64 low, __u32 family)
{
	const struct gate_head *head = get_head();
	__be32 bytes[4] = {bpf_htonl(high >> 32), bpf_htonl(high), bpf_htonl(low >> 32),
			   bpf_htonl(low)};

	if (!head)
		return 0;
	return family == 4 ? gate_lookup(head, GATE_SRC4, 4, bytes)
			   : gate_lookup(head, GATE_SRC6, 6, bytes);
}

static __always_inline __u32 gate_4(__u64 high, __u64 low)
{
	return look(high, low, 4);
}

static __always_inline __u32 gate_6(__u64 high, __u64 low)
{
	return look(high, low, 6);
}

PROGRAM(gate_ipv4, gate_4)
PROGRAM(gate_ipv6, gate_6)
