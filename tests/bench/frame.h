/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_FRAME_H
#define BENCH_FRAME_H

#include <linux/types.h>

/* Without the frame check sequence, which veth has not: 64 bytes on a wire are 60 here. */
#define FRAME_MIN 60
#define FRAME_MAX 80

/*
 * A TCP SYN to port 443 with no source address yet; returns its length. The TCP checksum stays
 * zero: the source changes under it with every frame, and no contestant reads it.
 */
int frame_build(int family, const unsigned char dst_mac[6], unsigned char frame[FRAME_MAX]);

/* Takes the destination address out again, for a generator that writes one into every frame. */
void frame_clear_target(int family, unsigned char *frame);

/* The one's complement sum of the IPv4 header in frame, not folded to its complement. */
__u32 frame_header_sum(const unsigned char *frame);

#endif
