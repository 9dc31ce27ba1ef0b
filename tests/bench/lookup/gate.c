// SPDX-License-Identifier: Apache-2.0
/* The product's own tables, compiled by its own code. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/gate/inner.h"
#include "agent/gate/trie.h"
#include "tests/bench/lookup/lookup.h"

static int map_fd(const struct bpf_object *object, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(object, name);

	if (fd < 0)
		fail(name);
	return fd;
}

static struct image *compile(const struct list *list)
{
	struct prefix *prefixes = calloc(list->count + 1, sizeof(*prefixes));
	struct trie_item *items = calloc(list->count + 1, sizeof(*items));
	enum gate_table table = list->family == 4 ? GATE_SRC4 : GATE_SRC6;
	struct image *image;
	uint64_t parts[2];
	size_t i;

	if (!prefixes || !items || image_new(&image) < 0)
		fail("memory");
	for (i = 0; i < list->count; i++) {
		parts[0] = htobe64(list->entries[i].high);
		parts[1] = htobe64(list->entries[i].low);
		memcpy(prefixes[i].address, parts, sizeof(parts));
		prefixes[i].family = (uint8_t)list->family;
		prefixes[i].length = (uint8_t)list->entries[i].length;
		items[i] = (struct trie_item){&prefixes[i], list->entries[i].value};
	}
	if (trie_reserve(image, table, list->count) < 0 ||
	    trie_build(image, table, items, list->count) < 0)
		fail("trie_build");
	free(prefixes);
	free(items);
	return image;
}

size_t fill_gate(const struct list *list, const struct bpf_object *object, double *build_ms)
{
	double began = cpu_ms();
	struct image *image = compile(list);
	size_t bytes = image->head->lookup_bytes;
	int head;

	*build_ms = cpu_ms() - began;
	if (inner_put_pages(map_fd(object, "gate_pages"), GATE_PAGES_START >> GATE_PAGE_SHIFT,
			    image->pages, image->page_count) < 0)
		fail("pages");
	head = inner_make_filled("head", GATE_HEAD_SIZE, image->head, GATE_HEAD_SIZE);
	if (head < 0 || inner_put(map_fd(object, "gate_heads"), 0, head) < 0)
		fail("head");
	image_free(image);
	return bytes;
}
