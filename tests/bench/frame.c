// SPDX-License-Identifier: Apache-2.0
/* The frame that every contestant is asked about. */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <stddef.h>
#include <string.h>

#include "frame.h"

#define SERVICE_PORT 443
#define CLIENT_PORT 40000

static void put_tcp(struct tcphdr *tcp)
{
	tcp->source = htons(CLIENT_PORT);
	tcp->dest = htons(SERVICE_PORT);
	tcp->seq = htonl(1);
	tcp->doff = sizeof(*tcp) / 4;
	tcp->syn = 1;
	tcp->window = htons(0xffff);
}

static size_t put_ipv4(unsigned char *at)
{
	struct tcphdr tcp = {0};
	struct iphdr ip = {
		.version = 4,
		.ihl = sizeof(ip) / 4,
		.tot_len = htons(sizeof(ip) + sizeof(tcp)),
		.ttl = 64,
		.protocol = IPPROTO_TCP,
	};

	inet_pton(AF_INET, "192.0.2.1", &ip.daddr);
	put_tcp(&tcp);
	memcpy(at, &ip, sizeof(ip));
	memcpy(at + sizeof(ip), &tcp, sizeof(tcp));
	return sizeof(ip) + sizeof(tcp);
}

static size_t put_ipv6(unsigned char *at)
{
	struct tcphdr tcp = {0};
	struct ipv6hdr ip = {
		.version = 6,
		.payload_len = htons(sizeof(tcp)),
		.nexthdr = IPPROTO_TCP,
		.hop_limit = 64,
	};

	inet_pton(AF_INET6, "2001:db8::1", &ip.daddr);
	put_tcp(&tcp);
	memcpy(at, &ip, sizeof(ip));
	memcpy(at + sizeof(ip), &tcp, sizeof(tcp));
	return sizeof(ip) + sizeof(tcp);
}

int frame_build(int family, const unsigned char dst_mac[6], unsigned char frame[FRAME_MAX])
{
	static const unsigned char src_mac[6] = {0x02, 0, 0, 0, 0, 0x99};
	struct ethhdr eth = {.h_proto = htons(family == 4 ? ETH_P_IP : ETH_P_IPV6)};
	size_t len = sizeof(eth);

	memset(frame, 0, FRAME_MAX);
	memcpy(eth.h_dest, dst_mac, sizeof(eth.h_dest));
	memcpy(eth.h_source, src_mac, sizeof(eth.h_source));
	memcpy(frame, &eth, sizeof(eth));
	len += family == 4 ? put_ipv4(frame + len) : put_ipv6(frame + len);
	return len < FRAME_MIN ? FRAME_MIN : (int)len;
}

void frame_clear_target(int family, unsigned char *frame)
{
	if (family == 4)
		memset(frame + ETH_HLEN + offsetof(struct iphdr, daddr), 0, sizeof(__u32));
	else
		memset(frame + ETH_HLEN + offsetof(struct ipv6hdr, daddr), 0,
		       sizeof(struct in6_addr));
}

__u32 frame_header_sum(const unsigned char *frame)
{
	__u32 sum = 0;
	__u16 word;
	size_t i;

	for (i = 0; i < sizeof(struct iphdr); i += sizeof(word)) {
		memcpy(&word, frame + ETH_HLEN + i, sizeof(word));
		sum += word;
	}
	return (sum & 0xffff) + (sum >> 16);
}
