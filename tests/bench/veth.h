/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_VETH_H
#define BENCH_VETH_H

#include <linux/types.h>

/* What the veth driver itself says, whatever program or rule set looked at the frames. */
struct veth_stats {
	__u64 seen;    /* frames that reached the native XDP hook */
	__u64 dropped; /* XDP_DROP, and XDP_ABORTED too: the driver counts both as one */
	__u64 redirected;
	__u64 reflected; /* XDP_TX */
	__u64 lost;	 /* no memory for a socket buffer */
};

int netns_enter(const char *path);

/* A socket that belongs to the namespace at path; the caller stays in its own. */
int netns_socket(const char *path);

int veth_stats_read(int sock, const char *dev, struct veth_stats *stats);

/*
 * A veth whose peer is reached by redirected frames must run NAPI, and it does when it has an XDP
 * program or GRO. Contestants above XDP have no program, so all get GRO.
 */
int veth_enable_gro(int sock, const char *dev);

#endif
