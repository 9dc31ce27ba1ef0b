// SPDX-License-Identifier: Apache-2.0
/* Counters and settings of a veth device that lives in another network namespace. */
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "veth.h"

int netns_enter(const char *path)
{
	int fd __close = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET)) {
		int err = -errno;

		fprintf(stderr, "%s: cannot enter: %s\n", path, strerror(-err));
		return err;
	}
	return 0;
}

int netns_socket(const char *path)
{
	int home __close = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int sock, err;

	if (home < 0)
		return -errno;
	err = netns_enter(path);
	if (err)
		return err;
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	err = sock < 0 ? -errno : 0;
	if (setns(home, CLONE_NEWNET)) {
		err = -errno;
		cleanup_close(&sock);
	}
	return err ? err : sock;
}

static int ethtool(int sock, const char *dev, void *cmd)
{
	struct ifreq ifr = {.ifr_data = cmd};

	if (strlen(dev) >= IFNAMSIZ)
		return -ENAMETOOLONG;
	strcpy(ifr.ifr_name, dev);
	return ioctl(sock, SIOCETHTOOL, &ifr) ? -errno : 0;
}

static int stats_count(int sock, const char *dev, __u32 *count)
{
	struct ethtool_sset_info *info __free = calloc(1, sizeof(*info) + sizeof(__u32));
	int err;

	if (!info)
		return -ENOMEM;
	info->cmd = ETHTOOL_GSSET_INFO;
	info->sset_mask = 1ULL << ETH_SS_STATS;
	err = ethtool(sock, dev, info);
	if (err)
		return err;
	*count = info->sset_mask ? info->data[0] : 0;
	return *count ? 0 : -EOPNOTSUPP;
}

/* Names are "rx_queue_<n>_<what>"; the sum is over the queues. */
static __u64 sum(const struct ethtool_gstrings *names, const struct ethtool_stats *values,
		 const char *what)
{
	__u64 total = 0;
	__u32 i;

	for (i = 0; i < values->n_stats; i++) {
		const char *name = (const char *)names->data + (size_t)i * ETH_GSTRING_LEN;

		if (strncmp(name, "rx_queue_", 9))
			continue;
		name += 9 + strspn(name + 9, "0123456789");
		if (!strcmp(name, what))
			total += values->data[i];
	}
	return total;
}

int veth_stats_read(int sock, const char *dev, struct veth_stats *stats)
{
	struct ethtool_gstrings *names __free = NULL;
	struct ethtool_stats *values __free = NULL;
	__u32 count;
	int err;

	err = stats_count(sock, dev, &count);
	if (err)
		return err;
	names = calloc(1, sizeof(*names) + (size_t)count * ETH_GSTRING_LEN + 1);
	values = calloc(1, sizeof(*values) + (size_t)count * sizeof(__u64));
	if (!names || !values)
		return -ENOMEM;

	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_STATS;
	names->len = count;
	err = ethtool(sock, dev, names);
	if (err)
		return err;
	values->cmd = ETHTOOL_GSTATS;
	values->n_stats = count;
	err = ethtool(sock, dev, values);
	if (err)
		return err;

	stats->seen = sum(names, values, "_xdp_packets");
	stats->dropped = sum(names, values, "_xdp_drops");
	stats->redirected = sum(names, values, "_xdp_redirect");
	stats->reflected = sum(names, values, "_xdp_tx");
	stats->lost = sum(names, values, "_drops");
	return 0;
}

int veth_enable_gro(int sock, const char *dev)
{
	struct ethtool_value gro = {.cmd = ETHTOOL_SGRO, .data = 1};

	return ethtool(sock, dev, &gro);
}
