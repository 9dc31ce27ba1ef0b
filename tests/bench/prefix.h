/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_PREFIX_H
#define BENCH_PREFIX_H

#include <stddef.h>

struct prefix {
	unsigned char addr[16]; /* network order; IPv4 uses the first four bytes */
	unsigned char len;
};

/*
 * Reads a list, one "address/length" a line, all of one family (4 or 6). The orchestrating script
 * writes these files, so anything unexpected in one is an error and not a line to skip.
 */
int prefix_list_load(const char *path, int family, struct prefix **list, size_t *count);

#endif
