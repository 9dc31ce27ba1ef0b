// SPDX-License-Identifier: Apache-2.0
/* Reading the prefix lists that the orchestrating script writes. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "prefix.h"

static int parse_line(char *line, int family, struct prefix *p)
{
	unsigned long len, max = family == 4 ? 32 : 128;
	char *slash, *end;

	line[strcspn(line, "\n")] = '\0';
	slash = strchr(line, '/');
	if (!slash)
		return -EINVAL;
	*slash = '\0';
	len = strtoul(slash + 1, &end, 10);
	if (end == slash + 1 || *end || len > max)
		return -EINVAL;

	memset(p, 0, sizeof(*p));
	p->len = (unsigned char)len;
	return inet_pton(family == 4 ? AF_INET : AF_INET6, line, p->addr) == 1 ? 0 : -EINVAL;
}

static int append(struct prefix **list, size_t *count, size_t *room, const struct prefix *p)
{
	struct prefix *grown;

	if (*count == *room) {
		*room = *room ? *room * 2 : 1024;
		grown = reallocarray(*list, *room, sizeof(**list));
		if (!grown)
			return -ENOMEM;
		*list = grown;
	}
	(*list)[(*count)++] = *p;
	return 0;
}

int prefix_list_load(const char *path, int family, struct prefix **list, size_t *count)
{
	struct prefix *all __free = NULL;
	FILE *f __fclose = NULL;
	size_t n = 0, room = 0;
	struct prefix p;
	char line[128];
	int err;

	f = fopen(path, "re");
	if (!f) {
		err = -errno;
		fprintf(stderr, "%s: %s\n", path, strerror(-err));
		return err;
	}
	while (fgets(line, sizeof(line), f)) {
		err = parse_line(line, family, &p);
		if (err) {
			fprintf(stderr, "%s:%zu: not an IPv%d prefix\n", path, n + 1, family);
			return err;
		}
		err = append(&all, &n, &room, &p);
		if (err)
			return err;
	}
	if (!n) {
		fprintf(stderr, "%s: the list is empty\n", path);
		return -ENODATA;
	}
	*list = all;
	all = NULL;
	*count = n;
	return 0;
}
