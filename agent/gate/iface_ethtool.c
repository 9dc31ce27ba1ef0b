// SPDX-License-Identifier: Apache-2.0
/* What the driver tells: its name, its features, its queues. */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "agent/gate/iface_internal.h"

#define FEATURES_MAX 4096

int iface_ethtool_open(void)
{
	/* Any socket does; a kernel without IPv4 still has this one. */
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

static int ask(int fd, const char *device, void *command)
{
	struct ifreq request = {0};

	memcpy(request.ifr_name, device, strnlen(device, sizeof(request.ifr_name) - 1));
	request.ifr_data = command;
	return ioctl(fd, SIOCETHTOOL, &request) < 0 ? -errno : 0;
}

void iface_ethtool_driver(int fd, struct iface *iface)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};

	if (ask(fd, iface->name, &info) < 0)
		return;
	_Static_assert(sizeof(info.driver) == sizeof(iface->driver), "driver names have one size");
	memcpy(iface->driver, info.driver, sizeof(iface->driver));
	iface->driver[sizeof(iface->driver) - 1] = '\0';
}

void iface_ethtool_queues(int fd, struct iface *iface)
{
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	uint32_t count;

	if (ask(fd, iface->name, &channels) < 0)
		return;
	count = channels.rx_count + channels.combined_count;
	if (count)
		iface->rx_queues = count;
}

/* How many features this kernel knows, 0 where it does not tell. */
static uint32_t feature_count(int fd, const char *device)
{
	union {
		struct ethtool_sset_info info;
		uint32_t words[sizeof(struct ethtool_sset_info) / sizeof(uint32_t) + 1];
	} query = {.info = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ULL << ETH_SS_FEATURES}};
	uint32_t count;

	if (ask(fd, device, &query.info) < 0 || !query.info.sset_mask)
		return 0;
	count = query.words[sizeof(struct ethtool_sset_info) / sizeof(uint32_t)];
	return count <= FEATURES_MAX ? count : 0;
}

static struct ethtool_gstrings *feature_names(int fd, const char *device, uint32_t count)
{
	_cleanup_free_ struct ethtool_gstrings *names =
		calloc(1, sizeof(*names) + (size_t)count * ETH_GSTRING_LEN);

	if (!names)
		return NULL;
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_FEATURES;
	names->len = count;
	if (ask(fd, device, names) < 0 || names->len > count)
		return NULL;
	return TAKE_PTR(names);
}

static struct ethtool_gfeatures *feature_states(int fd, const char *device, uint32_t count)
{
	uint32_t blocks = (count + 31) / 32;
	_cleanup_free_ struct ethtool_gfeatures *states =
		calloc(1, sizeof(*states) + blocks * sizeof(states->features[0]));

	if (!states)
		return NULL;
	states->cmd = ETHTOOL_GFEATURES;
	states->size = blocks;
	if (ask(fd, device, states) < 0)
		return NULL;
	return TAKE_PTR(states);
}

static int feature_state(const struct ethtool_gstrings *names,
			 const struct ethtool_gfeatures *states, const char *name)
{
	const char *at = (const char *)names->data;
	uint32_t i;

	for (i = 0; i < names->len; i++, at += ETH_GSTRING_LEN)
		if (!strncmp(at, name, ETH_GSTRING_LEN))
			return states->features[i / 32].active >> (i % 32) & 1;
	return -1;
}

void iface_ethtool_features(int fd, struct iface *iface)
{
	uint32_t count = feature_count(fd, iface->name);
	_cleanup_free_ struct ethtool_gfeatures *states = NULL;
	_cleanup_free_ struct ethtool_gstrings *names = NULL;

	if (!count)
		return;
	names = feature_names(fd, iface->name, count);
	states = feature_states(fd, iface->name, count);
	if (!names || !states)
		return;
	iface->lro = feature_state(names, states, "rx-lro");
	iface->gro_hw = feature_state(names, states, "rx-gro-hw");
	iface->rx_vlan_offload = feature_state(names, states, "rx-vlan-hw-parse");
}
