// SPDX-License-Identifier: Apache-2.0
#include "target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"

#define MAX_TARGETS (1U << 20)

static int parse_line(const char *line, int family, struct gen_target *target)
{
	char address[INET6_ADDRSTRLEN + 1];
	unsigned short port;
	int end = 0;

	memset(target, 0, sizeof(*target));
	if (sscanf(line, "%46s %hu%n", address, &port, &end) != 2 || line[end] != '\n')
		return -EINVAL;
	target->port = htons(port);
	return inet_pton(family == 4 ? AF_INET : AF_INET6, address, target->addr) == 1 ? 0
										       : -EINVAL;
}

int target_list_load(const char *path, int family, struct gen_target **list, size_t *count)
{
	struct gen_target *all __free = calloc(MAX_TARGETS, sizeof(*all));
	FILE *f __fclose = fopen(path, "re");
	char line[128];
	size_t n = 0;

	if (!f || !all) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -errno;
	}
	while (n < MAX_TARGETS && fgets(line, sizeof(line), f)) {
		if (parse_line(line, family, &all[n++])) {
			fprintf(stderr, "%s:%zu: not an IPv%d address and a port\n", path, n,
				family);
			return -EINVAL;
		}
	}
	if (!n || n & (n - 1)) {
		fprintf(stderr, "%s: %zu lines are no power of two\n", path, n);
		return -EINVAL;
	}
	*list = all;
	all = NULL;
	*count = n;
	return 0;
}
