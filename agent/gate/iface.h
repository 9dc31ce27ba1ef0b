/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of a network interface that matters for XDP: read from sysfs,
 * ethtool and netlink of the caller's network namespace.
 */
#ifndef APIMGATE_GATE_IFACE_H
#define APIMGATE_GATE_IFACE_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/report.h"

enum iface_kind {
	IFACE_ETHERNET,
	IFACE_LOOPBACK,
	IFACE_BOND, /* attach to its members */
	IFACE_BOND_MEMBER,
	IFACE_VLAN, /* attach to the device below: the gate walks tags */
	IFACE_BRIDGE,
	IFACE_TUNNEL,	/* ipip, sit, gre, vxlan, geneve, wireguard, tun, ip6tnl */
	IFACE_AZURE_VF, /* the VF below a synthetic interface: attach to that one */
};

struct iface {
	char name[IF_NAMESIZE];
	uint32_t ifindex;
	enum iface_kind kind;
	char driver[32];	  /* "hv_netvsc", "mlx5_core", "veth", or empty */
	char link_kind[32];	  /* rtnetlink's IFLA_INFO_KIND ("vlan", "vxlan"), or empty */
	char master[IF_NAMESIZE]; /* bond, bridge or synthetic interface above, or empty */
	char lower[IF_NAMESIZE];  /* what a VLAN device is on, or empty */
	uint32_t mtu;
	uint32_t rx_queues;
	bool is_up;
	bool has_address;
	/* ethtool features: 1 on, 0 off, -1 not known */
	int lro, gro_hw, rx_vlan_offload;
	/* The XDP program on it: 0 none; what is attached how. */
	uint32_t xdp_program_id;
	uint32_t xdp_attach_mode; /* XDP_ATTACHED_* of linux/if_link.h */
	char xdp_program_name[16];
};

/*
 * -ENODEV with an error that lists the interfaces there are. A name that is too
 * long or odd is REPORT_USAGE.
 */
int iface_read(const char *name, struct iface *out, struct report *report);

/* All interfaces of the namespace, by index. *out owned by the caller. */
int iface_read_all(struct iface **out, size_t *count, struct report *report);

const char *iface_kind_name(enum iface_kind kind);

/*
 * Where the gate should not be attached: an error that says where instead (a
 * VF, a bond, loopback). VLAN devices and tunnels are possible: a warning.
 */
int iface_check_attach(const struct iface *iface, bool force, struct report *report);

#endif
