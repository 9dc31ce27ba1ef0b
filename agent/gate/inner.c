// SPDX-License-Identifier: Apache-2.0
#include "agent/gate/inner.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "agent/base/cleanup.h"
#include "agent/base/parallel.h"

static char *inner_path(const struct kernel *kernel, const char *type, uint32_t number)
{
	char name[32];

	snprintf(name, sizeof(name), "%s-%u", type, number);
	return kernel_path(kernel->pin_dir, "inner", name);
}

int inner_id(int fd, uint32_t *id)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);
	int r;

	r = bpf_obj_get_info_by_fd(fd, &info, &size);
	if (r < 0)
		return r;
	*id = info.id;
	return 0;
}

int inner_make(const char *name, uint32_t value_size, uint32_t entries)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);

	return bpf_map_create(BPF_MAP_TYPE_ARRAY, name, sizeof(uint32_t), value_size, entries,
			      &options);
}

int inner_make_filled(const char *name, uint32_t value_size, const void *data, size_t length)
{
	uint32_t entries = (uint32_t)((length + value_size - 1) / value_size);
	_cleanup_close_ int fd = inner_make(name, value_size, entries);
	void *view;
	int r;

	if (fd < 0)
		return fd;
	view = mmap(NULL, (size_t)entries * value_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (view == MAP_FAILED)
		return -errno;
	memcpy(view, data, length);
	munmap(view, (size_t)entries * value_size);
	r = bpf_map_freeze(fd);
	return r < 0 ? r : TAKE_FD(fd);
}

int inner_pin(const struct kernel *kernel, const char *type, uint32_t number, int fd)
{
	_cleanup_free_ char *path = inner_path(kernel, type, number);
	int r;

	if (!path)
		return -ENOMEM;
	r = bpf_obj_pin(fd, path);
	if (r != -EEXIST)
		return r;
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	return bpf_obj_pin(fd, path);
}

int inner_unpin(const struct kernel *kernel, const char *type, uint32_t number)
{
	_cleanup_free_ char *path = inner_path(kernel, type, number);

	if (!path)
		return -ENOMEM;
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

int inner_open(const struct kernel *kernel, const char *type, uint32_t number)
{
	_cleanup_free_ char *path = inner_path(kernel, type, number);

	return path ? bpf_obj_get(path) : -ENOMEM;
}

int inner_put(int outer, uint32_t index, int fd)
{
	return bpf_map_update_elem(outer, &index, &fd, BPF_ANY);
}

int inner_remove(int outer, uint32_t index)
{
	uint32_t id;
	int r = bpf_map_lookup_elem(outer, &index, &id);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return bpf_map_delete_elem(outer, &index);
}

struct pages {
	int outer;
	uint32_t first;
	const uint8_t *data;
};

static int put_page(void *context, uint32_t number)
{
	const struct pages *pages = context;
	_cleanup_close_ int fd =
		inner_make_filled("page", GATE_PAGE_SIZE,
				  pages->data + (size_t)number * GATE_PAGE_SIZE, GATE_PAGE_SIZE);

	return fd < 0 ? fd : inner_put(pages->outer, pages->first + number, fd);
}

int inner_put_pages(int outer, uint32_t first, const uint8_t *data, uint32_t count)
{
	struct pages pages = {outer, first, data};

	return parallel_run(count, put_page, &pages);
}

static int remove_page(void *context, uint32_t number)
{
	const struct pages *pages = context;

	return inner_remove(pages->outer, pages->first + number);
}

int inner_remove_pages(int outer, uint32_t first, uint32_t count)
{
	struct pages pages = {.outer = outer, .first = first};

	return parallel_run(count, remove_page, &pages);
}

/* The running generation, for the names of its pins; no ids where there is none. */
struct in_use {
	uint32_t head;
	uint32_t notes;
	uint32_t slots;
};

/* Fails rather than leave out what runs: its pins would go. */
static int find_in_use(const struct kernel *kernel, const struct gate_head *head,
		       struct in_use *out)
{
	uint32_t zero = 0;

	*out = (struct in_use){};
	if (!head)
		return 0;
	out->notes = head->notes;
	out->slots = head->slot_count;
	return bpf_map_lookup_elem(kernel->heads, &zero, &out->head);
}

static bool is_in_use(const struct in_use *in_use, const char *name)
{
	uint32_t number;

	if (sscanf(name, "notes-%u", &number) == 1)
		return number == in_use->notes;
	return sscanf(name, "head-%u", &number) == 1 && number == in_use->head;
}

static void look_at(const struct in_use *in_use, const char *name, int directory, bool unpin,
		    struct inner_leftovers *out)
{
	uint32_t number, chunk;

	if (sscanf(name, "hits-%u", &number) == 1) {
		chunk = number % GATE_HITS_CHUNKS;
		if (chunk >= out->hits_chunks)
			out->hits_chunks = chunk + 1;
		out->any |= chunk << GATE_HITS_SHIFT >= in_use->slots;
	} else if (!is_in_use(in_use, name)) {
		out->any = true;
		if (unpin)
			unlinkat(directory, name, 0);
	}
}

int inner_find_leftovers(const struct kernel *kernel, const struct generation *running,
			 struct inner_leftovers *out, bool unpin)
{
	_cleanup_free_ char *path = kernel_path(kernel->pin_dir, "inner", NULL);
	struct in_use in_use;
	struct dirent *entry;
	DIR *directory;
	int r;

	*out = (struct inner_leftovers){};
	if (!path)
		return -ENOMEM;
	r = find_in_use(kernel, running->head, &in_use);
	if (r < 0)
		return r;
	directory = opendir(path);
	if (!directory)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(directory)))
		if (entry->d_name[0] != '.')
			look_at(&in_use, entry->d_name, dirfd(directory), unpin, out);
	closedir(directory);
	return 0;
}
