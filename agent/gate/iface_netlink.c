// SPDX-License-Identifier: Apache-2.0
/* Interfaces and whether they have addresses, as two rtnetlink dumps. */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "agent/gate/iface_internal.h"

/* What the kernel fills a dump's messages into at most, unless the reader asks for more. */
#define DUMP_BUFFER (32U << 10)
/* A dump during which the list changed is asked for again. */
#define DUMP_TRIES 10
/* The kernel answers at once; this only keeps a bug from waiting for ever. */
#define DUMP_SECONDS 10

struct dump_request {
	struct nlmsghdr head;
	union {
		struct ifinfomsg link;
		struct ifaddrmsg address;
	} body;
	struct rtattr mask_head;
	uint32_t mask;
};

typedef int (*dump_handler)(struct iface_links *links, const struct nlmsghdr *message);

static int dump_send(int fd, uint16_t type, uint32_t sequence)
{
	struct dump_request request = {
		.head = {.nlmsg_type = type,
			 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			 .nlmsg_seq = sequence},
		.mask_head = {.rta_type = IFLA_EXT_MASK, .rta_len = RTA_LENGTH(sizeof(uint32_t))},
		.mask = RTEXT_FILTER_SKIP_STATS,
	};

	request.head.nlmsg_len = sizeof(request);
	if (type != RTM_GETLINK)
		request.head.nlmsg_len = NLMSG_LENGTH(sizeof(request.body.address));
	if (send(fd, &request, request.head.nlmsg_len, 0) < 0)
		return -errno;
	return 0;
}

static int message_error(const struct nlmsghdr *message)
{
	const struct nlmsgerr *error = NLMSG_DATA(message);

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*error)) || !error->error)
		return -EBADMSG;
	return error->error;
}

/* Returns 1 at the end of the dump, 0 where more follows. */
static int dump_take(struct iface_links *links, const char *buffer, size_t length,
		     uint32_t sequence, dump_handler handler, bool *interrupted)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
	int r;

	for (; NLMSG_OK(message, length); message = NLMSG_NEXT(message, length)) {
		if (message->nlmsg_seq != sequence)
			continue;
		if (message->nlmsg_flags & NLM_F_DUMP_INTR)
			*interrupted = true;
		if (message->nlmsg_type == NLMSG_DONE)
			return 1;
		if (message->nlmsg_type == NLMSG_ERROR)
			return message_error(message);
		r = handler(links, message);
		if (r < 0)
			return r;
	}
	return 0;
}

/* -EINTR: what was dumped changed meanwhile. */
static int dump_once(int fd, uint16_t type, uint32_t sequence, dump_handler handler,
		     struct iface_links *links)
{
	_Alignas(struct nlmsghdr) char buffer[DUMP_BUFFER];
	bool interrupted = false;
	ssize_t length;
	int r;

	r = dump_send(fd, type, sequence);
	while (!r) {
		length = recv(fd, buffer, sizeof(buffer), MSG_TRUNC);
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return -errno;
		if ((size_t)length > sizeof(buffer))
			return -EMSGSIZE;
		r = dump_take(links, buffer, (size_t)length, sequence, handler, &interrupted);
	}
	if (r < 0)
		return r;
	return interrupted ? -EINTR : 0;
}

/* ---- attributes ---- */

static void collect(const struct rtattr **table, size_t max, const struct rtattr *attribute,
		    size_t length)
{
	unsigned int type;

	for (; RTA_OK(attribute, length); attribute = RTA_NEXT(attribute, length)) {
		type = attribute->rta_type & NLA_TYPE_MASK;
		if (type <= max)
			table[type] = attribute;
	}
}

static void collect_nested(const struct rtattr **table, size_t max, const struct rtattr *outer)
{
	if (outer)
		collect(table, max, RTA_DATA(outer), RTA_PAYLOAD(outer));
}

static uint32_t get_u32(const struct rtattr *attribute)
{
	uint32_t value = 0;

	if (attribute && RTA_PAYLOAD(attribute) >= sizeof(value))
		memcpy(&value, RTA_DATA(attribute), sizeof(value));
	return value;
}

static void get_string(const struct rtattr *attribute, char *out, size_t size)
{
	size_t length;

	if (!attribute)
		return;
	length = strnlen(RTA_DATA(attribute), RTA_PAYLOAD(attribute));
	if (length >= size)
		length = size - 1;
	memcpy(out, RTA_DATA(attribute), length);
	out[length] = '\0';
}

static void get_xdp(const struct rtattr *outer, struct iface *iface)
{
	/* With several programs the driver's own comes first: it sees the frames first. */
	static const int ids[] = {IFLA_XDP_PROG_ID, IFLA_XDP_HW_PROG_ID, IFLA_XDP_DRV_PROG_ID,
				  IFLA_XDP_SKB_PROG_ID};
	const struct rtattr *xdp[IFLA_XDP_MAX + 1] = {NULL};
	size_t i;

	collect_nested(xdp, IFLA_XDP_MAX, outer);
	if (xdp[IFLA_XDP_ATTACHED] && RTA_PAYLOAD(xdp[IFLA_XDP_ATTACHED]) >= 1)
		iface->xdp_attach_mode = *(const uint8_t *)RTA_DATA(xdp[IFLA_XDP_ATTACHED]);
	for (i = 0; i < ARRAY_SIZE(ids) && !iface->xdp_program_id; i++)
		iface->xdp_program_id = get_u32(xdp[ids[i]]);
}

static void get_mac(const struct rtattr *attribute, struct iface_link *link)
{
	if (!attribute || RTA_PAYLOAD(attribute) > sizeof(link->mac))
		return;
	link->mac_length = (uint32_t)RTA_PAYLOAD(attribute);
	memcpy(link->mac, RTA_DATA(attribute), link->mac_length);
}

/* ---- the two dumps ---- */

static struct iface_link *links_grow(struct iface_links *links)
{
	size_t capacity = links->capacity ? 2 * links->capacity : 16;
	struct iface_link *items;

	if (links->count == links->capacity) {
		items = reallocarray(links->items, capacity, sizeof(*items));
		if (!items)
			return NULL;
		links->items = items;
		links->capacity = capacity;
	}
	links->items[links->count] = (struct iface_link){
		.iface = {.lro = -1, .gro_hw = -1, .rx_vlan_offload = -1},
	};
	return &links->items[links->count++];
}

static int take_link(struct iface_links *links, const struct nlmsghdr *message)
{
	const struct rtattr *attributes[IFLA_MAX + 1] = {NULL};
	const struct rtattr *info[IFLA_INFO_MAX + 1] = {NULL};
	const struct ifinfomsg *body = NLMSG_DATA(message);
	struct iface_link *link;

	if (message->nlmsg_type != RTM_NEWLINK || message->nlmsg_len < NLMSG_LENGTH(sizeof(*body)))
		return 0;
	link = links_grow(links);
	if (!link)
		return -ENOMEM;
	collect(attributes, IFLA_MAX, IFLA_RTA(body), IFLA_PAYLOAD(message));
	collect_nested(info, IFLA_INFO_MAX, attributes[IFLA_LINKINFO]);

	link->flags = body->ifi_flags;
	link->hardware = body->ifi_type;
	link->master = get_u32(attributes[IFLA_MASTER]);
	link->below = get_u32(attributes[IFLA_LINK]);
	link->below_elsewhere = attributes[IFLA_LINK_NETNSID] != NULL;
	get_string(info[IFLA_INFO_SLAVE_KIND], link->slave_kind, sizeof(link->slave_kind));
	get_mac(attributes[IFLA_ADDRESS], link);

	link->iface.ifindex = (uint32_t)body->ifi_index;
	link->iface.is_up = body->ifi_flags & IFF_UP;
	link->iface.mtu = get_u32(attributes[IFLA_MTU]);
	link->iface.rx_queues = get_u32(attributes[IFLA_NUM_RX_QUEUES]);
	get_string(attributes[IFLA_IFNAME], link->iface.name, sizeof(link->iface.name));
	get_string(info[IFLA_INFO_KIND], link->iface.link_kind, sizeof(link->iface.link_kind));
	get_xdp(attributes[IFLA_XDP], &link->iface);
	return 0;
}

static int take_address(struct iface_links *links, const struct nlmsghdr *message)
{
	const struct ifaddrmsg *body = NLMSG_DATA(message);
	size_t i;

	if (message->nlmsg_type != RTM_NEWADDR || message->nlmsg_len < NLMSG_LENGTH(sizeof(*body)))
		return 0;
	/* Every interface that is up has a link-local IPv6 address: that tells nothing. */
	if (body->ifa_family == AF_INET6 && body->ifa_scope == RT_SCOPE_LINK)
		return 0;
	for (i = 0; i < links->count; i++)
		if (links->items[i].iface.ifindex == body->ifa_index)
			links->items[i].iface.has_address = true;
	return 0;
}

static int compare_links(const void *a, const void *b)
{
	const struct iface_link *left = a, *right = b;

	return (left->iface.ifindex > right->iface.ifindex) -
	       (left->iface.ifindex < right->iface.ifindex);
}

static int dump_all(int fd, struct iface_links *links)
{
	uint32_t sequence = 1;
	int r = -EINTR, tries;

	for (tries = 0; r == -EINTR && tries < DUMP_TRIES; tries++) {
		links->count = 0;
		r = dump_once(fd, RTM_GETLINK, sequence++, take_link, links);
		if (!r)
			r = dump_once(fd, RTM_GETADDR, sequence++, take_address, links);
	}
	/* Interfaces that come and go all the time: what was seen last has to do. */
	return r == -EINTR && links->count ? 0 : r;
}

int iface_dump(struct iface_links *links, struct report *report)
{
	const struct timeval wait = {.tv_sec = DUMP_SECONDS};
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int r;

	*links = (struct iface_links){0};
	if (fd < 0)
		return report_errno(report, errno, "cannot open a netlink socket");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0)
		return report_errno(report, errno, "cannot set up a netlink socket");
	r = dump_all(fd, links);
	if (r < 0) {
		iface_free_links(links);
		return report_errno(report, -r, "cannot list the network interfaces");
	}
	if (links->count)
		qsort(links->items, links->count, sizeof(*links->items), compare_links);
	return 0;
}

void iface_free_links(struct iface_links *links)
{
	free(links->items);
	*links = (struct iface_links){0};
}
