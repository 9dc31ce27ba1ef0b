/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an interface is found out about: a dump of all of them by rtnetlink,
 * then ethtool. Both follow the network namespace of the caller; /sys shows
 * that of whoever mounted it.
 */
#ifndef APIMGATE_GATE_IFACE_INTERNAL_H
#define APIMGATE_GATE_IFACE_INTERNAL_H

#include "agent/base/cleanup.h"
#include "agent/gate/iface.h"

#define IFACE_MAC_LEN 32

/* An interface, and what of it only matters to tell what it is. */
struct iface_link {
	struct iface iface;
	uint32_t flags;	      /* IFF_ */
	uint16_t hardware;    /* ARPHRD_ */
	char slave_kind[32];  /* "bond", "bridge", or empty */
	uint32_t master;      /* ifindex, 0: none */
	uint32_t below;	      /* ifindex of the device or the peer, 0: none */
	bool below_elsewhere; /* and that is in another network namespace */
	uint8_t mac[IFACE_MAC_LEN];
	uint32_t mac_length;
};

struct iface_links {
	struct iface_link *items;
	size_t count;
	size_t capacity;
};

/* iface_netlink.c: all interfaces of the namespace, by index, without what ethtool tells. */
int iface_dump(struct iface_links *links, struct report *report);
void iface_free_links(struct iface_links *links);

/* iface_ethtool.c: a descriptor to ask through, or -errno. */
int iface_ethtool_open(void);
/* Nothing is set where the kernel does not tell. */
void iface_ethtool_driver(int fd, struct iface *iface);
void iface_ethtool_features(int fd, struct iface *iface);
void iface_ethtool_queues(int fd, struct iface *iface);

/* iface.c: sets kind, master and lower of each, from what the dump and the drivers say. */
void iface_classify(struct iface_links *links);

/* iface_attach.c: iface_check_attach() with these interfaces about it. */
int iface_check_attach_among(const struct iface_links *links, const struct iface *iface, bool force,
			     struct report *report);

#endif
