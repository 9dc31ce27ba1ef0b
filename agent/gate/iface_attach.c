// SPDX-License-Identifier: Apache-2.0
/* Where the gate belongs, and where it would be blind. */
#include <errno.h>
#include <net/if_arp.h>
#include <string.h>

#include "agent/gate/iface_internal.h"

#define NAMES_SHOWN 16
#define NAMES_SIZE (NAMES_SHOWN * (IF_NAMESIZE + 2) + 8)

/* "eth0, eth1": the interfaces whose master this is. */
static const char *list_members(const struct iface_links *links, const char *master,
				char out[NAMES_SIZE])
{
	size_t i, used = 0, count = 0;

	out[0] = '\0';
	for (i = 0; i < links->count && count <= NAMES_SHOWN; i++) {
		if (strcmp(links->items[i].iface.master, master) != 0)
			continue;
		used += (size_t)snprintf(out + used, NAMES_SIZE - used, "%s%s", count ? ", " : "",
					 count < NAMES_SHOWN ? links->items[i].iface.name : "...");
		count++;
	}
	return count ? out : "none yet";
}

static int refuse_loopback(const struct iface *iface, struct report *report)
{
	return report_error(report, REPORT_GUARD, EPERM,
			    "attach to the interface that callers come in by, or say `force`",
			    "%s carries only what this host says to itself: a gate there stops no "
			    "stranger, and may stop the host's own services",
			    iface->name);
}

static int refuse_bond(const struct iface_links *links, const struct iface *iface,
		       struct report *report)
{
	char names[NAMES_SIZE];

	return report_error(report, REPORT_FAILED, EOPNOTSUPP,
			    "`apimgate link attach dev NAME` for each member",
			    "%s is a bond: attach to its members, by which frames come in (%s)",
			    iface->name, list_members(links, iface->name, names));
}

static int refuse_vf(const struct iface *iface, struct report *report)
{
	char hint[128];

	snprintf(hint, sizeof(hint), "`apimgate link attach dev %s`", iface->master);
	return report_error(
		report, REPORT_FAILED, EOPNOTSUPP, hint,
		"%s is an Azure VF; attach to %s, the synthetic interface: the driver puts "
		"the program on the VF as it comes and goes",
		iface->name, iface->master);
}

/*
 * The program is given such frames from their IP header on, takes that for an
 * Ethernet header, and finds an unknown ethertype, which passes: a gate that
 * seems to be there and lets everybody in.
 */
static int refuse_headless(const struct iface *iface, struct report *report)
{
	return report_error(
		report, REPORT_FAILED, EOPNOTSUPP,
		"filter this traffic with nftables, or let the backend listen on no address "
		"that is reached through it",
		"%s%s%s carries no Ethernet frames: the gate could not read a packet there",
		iface->name, iface->link_kind[0] ? ", kind " : "", iface->link_kind);
}

static void warn_vlan(const struct iface *iface, struct report *report)
{
	if (!iface->lower[0]) {
		report_warn(report,
			    "%s is a VLAN device: the gate there sees only its own traffic, and in "
			    "generic mode; on the device below, it walks the tags of every VLAN",
			    iface->name);
		return;
	}
	report_warn(report,
		    "%s is a VLAN device on %s: the gate there sees only its own traffic, and in "
		    "generic mode; attached to %s, it walks the tags of every VLAN",
		    iface->name, iface->lower, iface->lower);
}

static void warn_bridge(const struct iface_links *links, const struct iface *iface,
			struct report *report)
{
	char names[NAMES_SIZE];

	report_warn(
		report,
		"%s is a bridge: the gate there sees only what is meant for this host, not what "
		"passes from port to port; to filter that, too, attach to its ports (%s)",
		iface->name, list_members(links, iface->name, names));
}

static void warn_tunnel(const struct iface *iface, struct report *report)
{
	report_warn(
		report,
		"%s is a tunnel (%s): the gate there sees what comes out of the tunnel, and only "
		"that; what else comes in by the interface below needs a gate there",
		iface->name, iface->link_kind[0] ? iface->link_kind : "point to point");
}

static bool has_ethernet(const struct iface_links *links, const struct iface *iface)
{
	size_t i;

	for (i = 0; i < links->count; i++)
		if (links->items[i].iface.ifindex == iface->ifindex)
			return links->items[i].hardware == ARPHRD_ETHER ||
			       links->items[i].hardware == ARPHRD_LOOPBACK;
	return true;
}

int iface_check_attach_among(const struct iface_links *links, const struct iface *iface, bool force,
			     struct report *report)
{
	if (!has_ethernet(links, iface))
		return refuse_headless(iface, report);
	switch (iface->kind) {
	case IFACE_LOOPBACK:
		return force ? 0 : refuse_loopback(iface, report);
	case IFACE_BOND:
		return refuse_bond(links, iface, report);
	case IFACE_AZURE_VF:
		return refuse_vf(iface, report);
	case IFACE_VLAN:
		warn_vlan(iface, report);
		break;
	case IFACE_BRIDGE:
		warn_bridge(links, iface, report);
		break;
	case IFACE_TUNNEL:
		warn_tunnel(iface, report);
		break;
	case IFACE_ETHERNET:
	case IFACE_BOND_MEMBER:
		break;
	}
	return 0;
}

int iface_check_attach(const struct iface *iface, bool force, struct report *report)
{
	_cleanup_(iface_free_links) struct iface_links links = {0};
	int r;

	r = iface_dump(&links, report);
	if (r < 0)
		return r;
	iface_classify(&links);
	return iface_check_attach_among(&links, iface, force, report);
}
