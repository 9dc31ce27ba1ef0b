// SPDX-License-Identifier: Apache-2.0
/* What an interface is, for whoever wants to put the gate on it. */
#include "agent/gate/iface.h"

#include <bpf/bpf.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <net/if_arp.h>
#include <string.h>

#include "agent/gate/iface_internal.h"

/* How many names an error lists. */
#define NAMES_SHOWN 20

const char *iface_kind_name(enum iface_kind kind)
{
	switch (kind) {
	case IFACE_ETHERNET:
		return "ethernet";
	case IFACE_LOOPBACK:
		return "loopback";
	case IFACE_BOND:
		return "bond";
	case IFACE_BOND_MEMBER:
		return "bond-member";
	case IFACE_VLAN:
		return "vlan";
	case IFACE_BRIDGE:
		return "bridge";
	case IFACE_TUNNEL:
		return "tunnel";
	case IFACE_AZURE_VF:
		return "azure-vf";
	}
	return "unknown";
}

static bool is_one_of(const char *text, const char *const *words, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!strcmp(text, words[i]))
			return true;
	return false;
}

/* ---- classification ---- */

static bool is_tunnel(const struct iface_link *link)
{
	static const char *const kinds[] = {
		"ipip",	  "sit", "gre",	 "gretap", "erspan", "ip6gre", "ip6gretap", "ip6erspan",
		"ip6tnl", "vti", "vti6", "xfrm",   "vxlan",  "geneve", "bareudp",   "wireguard",
		"tun",	  "ppp", "l2tp", "gtp",	   "amt",    "ovpn",   "ipoib",
	};

	switch (link->hardware) {
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
	case ARPHRD_IPGRE:
	case ARPHRD_PPP:
		return true;
	default:
		return is_one_of(link->iface.link_kind, kinds, ARRAY_SIZE(kinds));
	}
}

static bool is_team(const char *kind)
{
	return !strcmp(kind, "bond") || !strcmp(kind, "team");
}

static const struct iface_link *find_index(const struct iface_links *links, uint32_t ifindex)
{
	size_t i;

	for (i = 0; ifindex && i < links->count; i++)
		if (links->items[i].iface.ifindex == ifindex)
			return &links->items[i];
	return NULL;
}

static bool is_synthetic(const struct iface_link *link)
{
	return link && !strcmp(link->iface.driver, "hv_netvsc");
}

/*
 * The synthetic interface above a VF: its master once the driver has paired
 * them, before that the one with the same address. Only drivers of Azure's
 * VFs count, since VLAN devices and bridges share addresses, too.
 */
static const struct iface_link *find_synthetic(const struct iface_links *links,
					       const struct iface_link *link)
{
	static const char *const drivers[] = {"mlx4_en", "mlx4_core", "mlx5_core", "mana"};
	const struct iface_link *other = find_index(links, link->master);
	size_t i;

	if (!is_one_of(link->iface.driver, drivers, ARRAY_SIZE(drivers)))
		return NULL;
	if (is_synthetic(other))
		return other;
	for (i = 0; i < links->count; i++) {
		other = &links->items[i];
		if (is_synthetic(other) && link->mac_length &&
		    other->mac_length == link->mac_length &&
		    !memcmp(other->mac, link->mac, link->mac_length))
			return other;
	}
	return NULL;
}

static enum iface_kind kind_of(const struct iface_link *link, bool is_vf)
{
	if (link->flags & IFF_LOOPBACK)
		return IFACE_LOOPBACK;
	if (is_vf)
		return IFACE_AZURE_VF;
	if (is_team(link->iface.link_kind))
		return IFACE_BOND;
	if (is_team(link->slave_kind))
		return IFACE_BOND_MEMBER;
	if (!strcmp(link->iface.link_kind, "vlan"))
		return IFACE_VLAN;
	if (!strcmp(link->iface.link_kind, "bridge") ||
	    !strcmp(link->iface.link_kind, "openvswitch"))
		return IFACE_BRIDGE;
	if (is_tunnel(link))
		return IFACE_TUNNEL;
	return IFACE_ETHERNET;
}

void iface_classify(struct iface_links *links)
{
	const struct iface_link *synthetic, *master, *below;
	struct iface_link *link;
	size_t i;

	for (i = 0; i < links->count; i++) {
		link = &links->items[i];
		synthetic = find_synthetic(links, link);
		link->iface.kind = kind_of(link, synthetic != NULL);
		master = synthetic ? synthetic : find_index(links, link->master);
		if (master)
			memcpy(link->iface.master, master->iface.name, IF_NAMESIZE);
		/* Elsewhere the same number is another device; and a veth's is its peer. */
		below = link->below_elsewhere ? NULL : find_index(links, link->below);
		if (below && link->iface.kind == IFACE_VLAN)
			memcpy(link->iface.lower, below->iface.name, IF_NAMESIZE);
	}
}

/* ---- details ---- */

static void read_program_name(struct iface *iface)
{
	struct bpf_prog_info info = {0};
	uint32_t length = sizeof(info);
	_cleanup_close_ int fd = -1;

	if (!iface->xdp_program_id)
		return;
	/* Needs privileges that the rest does not: then the program just has no name. */
	fd = bpf_prog_get_fd_by_id(iface->xdp_program_id);
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &length) < 0)
		return;
	_Static_assert(sizeof(info.name) == sizeof(iface->xdp_program_name), "names have one size");
	memcpy(iface->xdp_program_name, info.name, sizeof(info.name));
	iface->xdp_program_name[sizeof(info.name) - 1] = '\0';
}

static bool sysfs_read(const struct iface_link *link, const char *file, char *out, size_t size)
{
	_cleanup_fclose_ FILE *stream = NULL;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/class/net/%s/%s", link->iface.name, file);
	stream = fopen(path, "re");
	if (!stream || !fgets(out, (int)size, stream))
		return false;
	out[strcspn(out, "\n")] = '\0';
	return true;
}

/* Does /sys show this very interface, or one of that name in another namespace? */
static bool sysfs_shows(const struct iface_link *link)
{
	char mac[3 * IFACE_MAC_LEN + 1] = "", found[sizeof(mac)];
	uint32_t i;

	if (!sysfs_read(link, "ifindex", found, sizeof(found)) ||
	    strtoul(found, NULL, 10) != link->iface.ifindex)
		return false;
	for (i = 0; i < link->mac_length; i++)
		snprintf(mac + 3 * i, 4, "%02x%s", link->mac[i],
			 i + 1 < link->mac_length ? ":" : "");
	return sysfs_read(link, "address", found, sizeof(found)) && !strcmp(found, mac);
}

/* The dump tells how many queues there are room for; /sys shows those that are in use. */
static void read_sysfs_queues(struct iface_link *link)
{
	const struct dirent *entry;
	char path[PATH_MAX];
	uint32_t count = 0;
	DIR *directory;

	if (!sysfs_shows(link))
		return;
	snprintf(path, sizeof(path), "/sys/class/net/%s/queues", link->iface.name);
	directory = opendir(path);
	if (!directory)
		return;
	while ((entry = readdir(directory)))
		count += !strncmp(entry->d_name, "rx-", 3);
	closedir(directory);
	if (count)
		link->iface.rx_queues = count;
}

static void read_details(int fd, struct iface_link *link)
{
	read_sysfs_queues(link);
	if (fd >= 0) {
		iface_ethtool_queues(fd, &link->iface);
		iface_ethtool_features(fd, &link->iface);
	}
	read_program_name(&link->iface);
}

/* All interfaces with their kinds; details are left to the caller. */
static int read_links(int fd, struct iface_links *links, struct report *report)
{
	size_t i;
	int r;

	r = iface_dump(links, report);
	if (r < 0)
		return r;
	for (i = 0; fd >= 0 && i < links->count; i++)
		iface_ethtool_driver(fd, &links->items[i].iface);
	iface_classify(links);
	return 0;
}

/* ---- the module's functions ---- */

static int check_name(const char *name, struct report *report)
{
	const char *at;

	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return report_error(report, REPORT_USAGE, EINVAL, NULL,
				    "'%s' is not the name of an interface", name);
	if (strlen(name) >= IF_NAMESIZE)
		return report_error(
			report, REPORT_USAGE, EINVAL, NULL,
			"'%.40s' is too long for an interface: names have at most %d bytes", name,
			IF_NAMESIZE - 1);
	for (at = name; *at; at++)
		if (*at == '/' || *at == ':' || isspace((unsigned char)*at) ||
		    iscntrl((unsigned char)*at))
			return report_error(report, REPORT_USAGE, EINVAL, NULL,
					    "the name of an interface has no blanks, '/' or ':'");
	return 0;
}

static int report_missing(const struct iface_links *links, const char *name, struct report *report)
{
	char names[NAMES_SHOWN * (IF_NAMESIZE + 2) + 8] = "";
	size_t i, used = 0;

	for (i = 0; i < links->count && i < NAMES_SHOWN; i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "",
					 links->items[i].iface.name);
	if (links->count > NAMES_SHOWN)
		snprintf(names + used, sizeof(names) - used, ", ...");
	return report_error(
		report, REPORT_NOT_FOUND, ENODEV,
		"names of interfaces belong to a network namespace: is this the right one?",
		"no interface '%s' here; there are: %s", name, names);
}

int iface_read(const char *name, struct iface *out, struct report *report)
{
	_cleanup_close_ int fd = iface_ethtool_open();
	_cleanup_(iface_free_links) struct iface_links links = {0};
	size_t i;
	int r;

	r = check_name(name, report);
	if (r < 0)
		return r;
	r = read_links(fd, &links, report);
	if (r < 0)
		return r;
	for (i = 0; i < links.count; i++) {
		if (strcmp(links.items[i].iface.name, name) != 0)
			continue;
		read_details(fd, &links.items[i]);
		*out = links.items[i].iface;
		return 0;
	}
	return report_missing(&links, name, report);
}

int iface_read_all(struct iface **out, size_t *count, struct report *report)
{
	_cleanup_close_ int fd = iface_ethtool_open();
	_cleanup_(iface_free_links) struct iface_links links = {0};
	_cleanup_free_ struct iface *ifaces = NULL;
	size_t i;
	int r;

	r = read_links(fd, &links, report);
	if (r < 0)
		return r;
	/* One more, so that none is not a failed allocation. */
	ifaces = calloc(links.count + 1, sizeof(*ifaces));
	if (!ifaces)
		return -ENOMEM;
	for (i = 0; i < links.count; i++) {
		read_details(fd, &links.items[i]);
		ifaces[i] = links.items[i].iface;
	}
	*out = TAKE_PTR(ifaces);
	*count = links.count;
	return 0;
}
