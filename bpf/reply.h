/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * With `default drop`: is this frame an answer to what this host opened?
 * Asks the socket tables of the interface's own network namespace, about
 * 20 ns, and only on the way to a drop.
 */
#ifndef APIMGATE_BPF_REPLY_H
#define APIMGATE_BPF_REPLY_H

#include "parse.h"

/* include/net/tcp_states.h: part of the sock_diag interface. */
enum {
	GATE_TCP_ESTABLISHED = 1,
	GATE_TCP_CLOSE = 7,
	GATE_TCP_LISTEN = 10,
	GATE_TCP_NEW_SYN_RECV = 12,
};

/* Returns the size of the half of the tuple that is filled. */
static __always_inline __u32 gate_fill_tuple(struct bpf_sock_tuple *tuple,
					     const struct gate_packet *p)
{
	if (p->family == 4) {
		tuple->ipv4.saddr = p->source[0];
		tuple->ipv4.daddr = p->destination[0];
		tuple->ipv4.sport = p->sport;
		tuple->ipv4.dport = p->dport;
		return sizeof(tuple->ipv4);
	}
	__builtin_memcpy(tuple->ipv6.saddr, p->source, sizeof(tuple->ipv6.saddr));
	__builtin_memcpy(tuple->ipv6.daddr, p->destination, sizeof(tuple->ipv6.daddr));
	tuple->ipv6.sport = p->sport;
	tuple->ipv6.dport = p->dport;
	return sizeof(tuple->ipv6);
}

/* SYN-SENT counts: the peer's SYN-ACK is the first reply. A listener does not. */
static __always_inline int gate_is_tcp_reply(struct xdp_md *ctx, const struct gate_packet *p)
{
	struct bpf_sock_tuple tuple = {};
	__u32 size = gate_fill_tuple(&tuple, p);
	struct bpf_sock *sk;
	__u32 state;

	if (size == sizeof(tuple.ipv4))
		sk = bpf_skc_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	else
		sk = bpf_skc_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return 0;
	state = sk->state;
	bpf_sk_release(sk);
	return state != GATE_TCP_LISTEN && state != GATE_TCP_NEW_SYN_RECV &&
	       state != GATE_TCP_CLOSE;
}

/* A UDP socket that is only bound is a server; a connected one awaits this peer. */
static __always_inline int gate_is_udp_reply(struct xdp_md *ctx, const struct gate_packet *p)
{
	struct bpf_sock_tuple tuple = {};
	__u32 size = gate_fill_tuple(&tuple, p);
	struct bpf_sock *sk;
	__u32 state;

	if (size == sizeof(tuple.ipv4))
		sk = bpf_sk_lookup_udp(ctx, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	else
		sk = bpf_sk_lookup_udp(ctx, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return 0;
	state = sk->state;
	bpf_sk_release(sk);
	return state == GATE_TCP_ESTABLISHED;
}

static __always_inline int gate_is_reply(struct xdp_md *ctx, const struct gate_packet *p)
{
	if (p->unclear)
		return 0;
	if (p->ports_known && p->proto == PROTO_TCP)
		return gate_is_tcp_reply(ctx, p);
	if (p->ports_known && p->proto == PROTO_UDP)
		return gate_is_udp_reply(ctx, p);
	if (p->family == 4 && p->proto == PROTO_ICMP)
		return p->icmp_type == ICMP_ECHO_REPLY;
	if (p->family == 6 && p->proto == PROTO_ICMPV6)
		return p->icmp_type == ICMPV6_ECHO_REPLY;
	return 0;
}

#endif
