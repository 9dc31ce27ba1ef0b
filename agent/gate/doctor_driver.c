// SPDX-License-Identifier: Apache-2.0
/*
 * What is known of drivers, from their sources and the table in
 * isovalent/ebpf-docs. MTUs are those of x86-64 with pages of 4 KiB.
 */
#include <string.h>

#include "agent/gate/doctor_internal.h"

#define SINCE(major, minor) KERNEL_VERSION(major, minor, 0)

static const struct doctor_driver drivers[] = {
	{"hv_netvsc", SINCE(5, 6), 0, 3506, 0, NULL},
	/* From 5.18 on only with the legacy receive queue, which is not the default. */
	{"mlx5_core", SINCE(4, 9), SINCE(6, 4), 3498, 0, NULL},
	{"mlx4_en", SINCE(4, 8), 0, 3498, 0, NULL},
	{"mana", SINCE(5, 17), 0, 3506, 0, NULL},
	{"veth", SINCE(4, 19), SINCE(5, 18), 3520, 0, NULL},
	{"virtio_net", SINCE(4, 10), SINCE(6, 3), 3506, SINCE(5, 13),
	 "this kernel wants a spare queue for each CPU"},
	{"ena", SINCE(5, 6), 0, 3498, 0, "it needs half of its queues to be spare"},
	{"gve", SINCE(6, 4), 0, 2032, 0, "it needs half of its queues to be spare"},
	{"vmxnet3", SINCE(6, 6), 0, 0, 0, NULL},
	{"ixgbe", SINCE(4, 12), 0, 3050, 0, NULL},
	{"ixgbevf", SINCE(4, 17), 0, 3050, 0, NULL},
	{"i40e", SINCE(4, 13), SINCE(6, 4), 3046, 0, NULL},
	{"ice", SINCE(5, 5), SINCE(6, 3), 3046, 0, NULL},
	{"igb", SINCE(5, 10), 0, 3046, 0, NULL},
	{"igc", SINCE(5, 13), 0, 1500, 0, NULL},
	{"bnxt_en", SINCE(4, 11), SINCE(5, 19), 3502, 0, NULL},
	{"nfp", SINCE(4, 10), 0, 0, 0, NULL},
	{"qede", SINCE(4, 10), 0, 0, 0, NULL},
	{"sfc", SINCE(5, 5), 0, 0, 0, NULL},
	{"atlantic", SINCE(5, 19), SINCE(5, 19), 2048, 0, NULL},
	{"ionic", SINCE(6, 9), SINCE(6, 9), 0, 0, NULL},
	{"nicvf", SINCE(4, 12), 0, 1508, 0, NULL},
	{"rvu-nicpf", SINCE(5, 16), 0, 1508, 0, NULL},
	{"rvu-nicvf", SINCE(5, 16), 0, 1508, 0, NULL},
	{"fun", SINCE(5, 18), 0, 3566, 0, NULL},
	{"xen_netfront", SINCE(5, 9), 0, 3840, 0, NULL},
	{"mvneta", SINCE(5, 5), SINCE(5, 18), 3520, 0, NULL},
	{"mvpp2", SINCE(5, 9), 0, 3552, 0, NULL},
	{"fsl_dpaa2_eth", SINCE(5, 0), 0, 0, 0, NULL},
	{"fsl_enetc", SINCE(5, 13), 0, 0, 0, NULL},
	{"fec", SINCE(6, 2), 0, 0, 0, NULL},
	{"st_gmac", SINCE(5, 13), 0, 0, 0, NULL},
	{"netsec", SINCE(5, 3), 0, 0, 0, NULL},
	{"lan966x-switch", SINCE(6, 2), 0, 0, 0, NULL},
	{"tsnep", SINCE(6, 3), 0, 0, 0, NULL},
	{"tun", SINCE(4, 14), 0, 1500, 0,
	 "native only for frames that its owner writes one by one"},
};

const struct doctor_driver *doctor_find_driver(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(drivers); i++)
		if (!strcmp(drivers[i].name, name))
			return &drivers[i];
	return NULL;
}
