// SPDX-License-Identifier: Apache-2.0
/*
 * The switch from one generation to the next. What the new one needs is made
 * and pinned first; then one update of the outer map of heads switches, and
 * returns when no CPU runs the old one any more; then the old maps go.
 *
 * Killed before the switch: the old generation runs on, and what was made is
 * removed by the next change. Killed behind it: the new one runs.
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "agent/base/cleanup.h"
#include "agent/base/file.h"
#include "agent/gate/kernel.h"
#include "agent/gate/link.h"

#define MIN_HITS_CAPACITY 1024U

static const char *const inner_types[] = {"head", "pages", "hits"};
enum inner_type { INNER_HEAD, INNER_PAGES, INNER_HITS };

static char *inner_path(const struct kernel *kernel, enum inner_type type, uint32_t id)
{
	char name[32];

	snprintf(name, sizeof(name), "%s-%u", inner_types[type], id);
	return kernel_path(kernel->pin_dir, "inner", name);
}

static int map_id(int fd, uint32_t *id)
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

/* Opens what element `index` of an outer map refers to. -ENOENT: nothing. */
static int open_inner(struct kernel *kernel, int outer, uint32_t index, enum inner_type type)
{
	_cleanup_free_ char *path = NULL;
	uint32_t id;
	int r;

	r = bpf_map_lookup_elem(outer, &index, &id);
	if (r < 0)
		return r;
	path = inner_path(kernel, type, id);
	return path ? bpf_obj_get(path) : -ENOMEM;
}

/* Makes an array of the type and pins it. */
static int make_inner(struct kernel *kernel, enum inner_type type, uint32_t value_size,
		      uint32_t entries, struct report *report)
{
	LIBBPF_OPTS(bpf_map_create_opts, options);
	_cleanup_free_ char *directory = kernel_path(kernel->pin_dir, "inner", NULL);
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	uint32_t id;
	int r;

	if (!directory)
		return report_errno(report, ENOMEM, "cannot make the generation");
	r = file_make_directories(directory, 0700, report);
	if (r < 0)
		return r;
	options.map_flags = BPF_F_MMAPABLE | (type == INNER_HEAD ? 0 : BPF_F_INNER_MAP);
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, inner_types[type], sizeof(uint32_t), value_size,
			    entries, &options);
	if (fd < 0)
		return report_errno(report, -fd, "cannot make a map of %u times %u bytes", entries,
				    value_size);
	r = map_id(fd, &id);
	path = r < 0 ? NULL : inner_path(kernel, type, id);
	r = path ? bpf_obj_pin(fd, path) : -ENOMEM;
	if (r < 0)
		return report_errno(report, -r, "cannot pin a map of the generation");
	return TAKE_FD(fd);
}

/* Makes an array that holds these bytes, for good. */
static int make_filled(struct kernel *kernel, enum inner_type type, const void *data, size_t length,
		       uint32_t value_size, struct report *report)
{
	_cleanup_close_ int fd = -1;
	void *view;
	int r;

	fd = make_inner(kernel, type, value_size, (uint32_t)(length / value_size), report);
	if (fd < 0)
		return fd;
	view = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (view == MAP_FAILED)
		return report_errno(report, errno, "cannot write the generation");
	memcpy(view, data, length);
	munmap(view, length);
	r = bpf_map_freeze(fd);
	if (r < 0)
		return report_errno(report, -r, "cannot seal the generation");
	return TAKE_FD(fd);
}

static int set_outer(int outer, uint32_t index, int inner, struct report *report)
{
	int r = bpf_map_update_elem(outer, &index, &inner, BPF_ANY);

	return r < 0 ? report_errno(report, -r, "cannot give the generation to the kernel") : 0;
}

/* Removes the pins of inner maps that no outer map refers to. */
static void remove_unused(struct kernel *kernel)
{
	_cleanup_free_ char *directory = kernel_path(kernel->pin_dir, "inner", NULL);
	const struct {
		int outer;
		enum inner_type type;
		uint32_t index;
	} used[] = {
		{kernel->heads, INNER_HEAD, 0},	 {kernel->pages, INNER_PAGES, 0},
		{kernel->pages, INNER_PAGES, 1}, {kernel->hits, INNER_HITS, 0},
		{kernel->hits, INNER_HITS, 1},
	};
	char keep[ARRAY_SIZE(used)][32] = {};
	struct dirent *entry;
	uint32_t id;
	size_t i;
	DIR *dir;

	for (i = 0; i < ARRAY_SIZE(used); i++)
		if (bpf_map_lookup_elem(used[i].outer, &used[i].index, &id) == 0)
			snprintf(keep[i], sizeof(keep[i]), "%s-%u", inner_types[used[i].type], id);
	dir = directory ? opendir(directory) : NULL;
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		for (i = 0; i < ARRAY_SIZE(used); i++)
			if (!strcmp(keep[i], entry->d_name))
				break;
		if (i == ARRAY_SIZE(used))
			unlinkat(dirfd(dir), entry->d_name, 0);
	}
	closedir(dir);
}

/* ---- hit counters ---- */

struct hits {
	int fd;
	uint64_t *counts; /* mapped: (shards + 1) * capacity */
	size_t length;
	uint32_t capacity;
	uint32_t shards;
};

static void hits_close(struct hits *hits)
{
	if (hits->counts)
		munmap(hits->counts, hits->length);
	cleanup_close(&hits->fd);
}

static int hits_map(struct kernel *kernel, int fd, uint32_t capacity, struct hits *out)
{
	size_t length = (size_t)capacity * (kernel->info.shards + 1) * sizeof(uint64_t);
	void *view = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (view == MAP_FAILED)
		return -errno;
	*out = (struct hits){fd, view, length, capacity, kernel->info.shards};
	return 0;
}

static uint64_t hits_sum(const struct hits *hits, uint32_t slot)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i <= hits->shards; i++)
		sum += __atomic_load_n(&hits->counts[(size_t)i * hits->capacity + slot],
				       __ATOMIC_RELAXED);
	return sum;
}

static void hits_zero(struct hits *hits, const uint32_t *slots, size_t count)
{
	uint32_t shard;
	size_t i;

	for (i = 0; i < count; i++)
		for (shard = 0; slots[i] < hits->capacity && shard <= hits->shards; shard++)
			hits->counts[(size_t)shard * hits->capacity + slots[i]] = 0;
}

static uint32_t capacity_for(uint32_t slots)
{
	uint32_t capacity = MIN_HITS_CAPACITY;

	while (capacity < slots)
		capacity *= 2;
	return capacity;
}

/* The running generation's counters; capacity 0 where there is none yet. */
static int hits_open_running(struct kernel *kernel, const struct generation *running,
			     struct hits *out, struct report *report)
{
	_cleanup_close_ int fd = -1;
	int r;

	*out = (struct hits){.fd = -1};
	if (!running->head)
		return 0;
	fd = open_inner(kernel, kernel->hits, running->head->hits_slot, INNER_HITS);
	r = fd < 0 ? fd : hits_map(kernel, fd, running->head->hits_capacity, out);
	if (r < 0)
		return report_errno(report, -r, "cannot read the hit counters");
	TAKE_FD(fd);
	return 0;
}

static int hits_make(struct kernel *kernel, uint32_t slot, uint32_t capacity, struct hits *out,
		     struct report *report)
{
	_cleanup_close_ int fd = -1;
	int r;

	fd = make_inner(kernel, INNER_HITS, sizeof(uint64_t), capacity * (kernel->info.shards + 1),
			report);
	if (fd < 0)
		return fd;
	r = hits_map(kernel, fd, capacity, out);
	if (r < 0)
		return report_errno(report, -r, "cannot map the hit counters");
	TAKE_FD(fd);
	return set_outer(kernel->hits, slot, out->fd, report);
}

/* ---- the switch ---- */

/* Zeroes what the new generation counts and the running one does not. */
static int zero_fresh(struct kernel *kernel, const struct image *image, struct report *report)
{
	_cleanup_free_ char(*devices)[IF_NAMESIZE] = NULL;
	struct link_programs programs;
	size_t count, i;
	int r;

	if (!image->fresh_services && !image->fresh_sets)
		return 0;
	r = link_list(kernel, &devices, &count, report);
	for (i = 0; r == 0 && i < count; i++) {
		programs = LINK_PROGRAMS_NONE;
		r = link_open(kernel, devices[i], &programs, NULL, report);
		if (r == 0)
			r = link_zero_cpus(programs.cpus, image->fresh_services, image->fresh_sets,
					   report);
		else if (r == -ENOENT)
			r = 0; /* half-made by a killed attach: it counts nothing */
		link_programs_close(&programs);
	}
	return r;
}

/*
 * Once no CPU uses the outgrown counters, their totals go to the new array's
 * userspace shard: not one hit is lost or counted twice.
 */
static void carry_over(const struct hits *old, struct hits *grown)
{
	uint64_t *own = grown->counts + (size_t)grown->shards * grown->capacity;
	uint32_t slot;

	for (slot = 1; slot < old->capacity; slot++)
		own[slot] += hits_sum(old, slot);
}

struct switch_over {
	struct kernel *kernel;
	const struct image *image;
	struct generation running;
	struct hits old, grown;
};

static int switch_over(struct switch_over *s, struct report *report)
{
	struct kernel *kernel = s->kernel;
	struct gate_head *head = s->image->head;
	_cleanup_close_ int pages = -1, new_head = -1;
	uint32_t capacity = capacity_for(head->slot_count);
	uint32_t old_pages = s->running.head ? s->running.head->pages_slot : 1;
	uint32_t old_hits = s->running.head ? s->running.head->hits_slot : 1;
	uint32_t unused_hits;
	int r;

	r = hits_open_running(kernel, &s->running, &s->old, report);
	if (r < 0)
		return r;
	head->pages_slot = 1 - old_pages;
	head->hits_slot = old_hits;
	head->hits_capacity = s->old.capacity;
	if (capacity > s->old.capacity) {
		head->hits_slot = 1 - old_hits;
		head->hits_capacity = capacity;
		r = hits_make(kernel, head->hits_slot, capacity, &s->grown, report);
		if (r < 0)
			return r;
	}
	if (s->old.counts)
		hits_zero(&s->old, s->image->fresh_slots, s->image->fresh_slot_count);
	r = zero_fresh(kernel, s->image, report);
	if (r < 0)
		return r;
	pages = make_filled(kernel, INNER_PAGES, s->image->pages,
			    (size_t)s->image->page_count * GATE_PAGE_SIZE, GATE_PAGE_SIZE, report);
	if (pages < 0)
		return pages;
	new_head = make_filled(kernel, INNER_HEAD, head, GATE_HEAD_SIZE, GATE_HEAD_SIZE, report);
	if (new_head < 0)
		return new_head;
	r = set_outer(kernel->pages, head->pages_slot, pages, report);
	if (r < 0)
		return r;
	r = set_outer(kernel->heads, 0, new_head, report); /* the switch */
	if (r < 0)
		return r;

	/* What the new generation does not use goes, a killed change's leftovers included. */
	if (s->old.counts && s->grown.counts)
		carry_over(&s->old, &s->grown);
	unused_hits = 1 - head->hits_slot;
	bpf_map_delete_elem(kernel->hits, &unused_hits);
	bpf_map_delete_elem(kernel->pages, &old_pages);
	return 0;
}

int kernel_publish(struct kernel *kernel, const struct image *image, struct report *report)
{
	struct switch_over s = {
		.kernel = kernel, .image = image, .old = {.fd = -1}, .grown = {.fd = -1}};
	int r;

	r = generation_map(kernel, &s.running, report);
	if (r == 0 || r == -ENOENT)
		r = switch_over(&s, report);
	hits_close(&s.old);
	hits_close(&s.grown);
	generation_unmap(&s.running);
	remove_unused(kernel);
	return r;
}

/* ---- reading ---- */

static const void *map_inner(int fd, size_t length)
{
	const void *view;

	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	view = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0);
	return view == MAP_FAILED ? NULL : view;
}

/* Takes the head that is in force, and then the pages that go with it. */
static int map_once(struct kernel *kernel, struct generation *out)
{
	_cleanup_close_ int head = open_inner(kernel, kernel->heads, 0, INNER_HEAD);
	_cleanup_close_ int pages = -1;

	if (head < 0)
		return head;
	out->head = map_inner(head, GATE_HEAD_SIZE);
	if (!out->head)
		return -errno;
	pages = open_inner(kernel, kernel->pages, out->head->pages_slot, INNER_PAGES);
	out->pages_length = (size_t)out->head->page_count * GATE_PAGE_SIZE;
	out->pages = map_inner(pages, out->pages_length);
	return out->pages ? 0 : -errno;
}

/* Is the head that was mapped still the one in force? Then its pages are its own. */
static bool is_current(struct kernel *kernel, const struct generation *generation)
{
	_cleanup_close_ int head = open_inner(kernel, kernel->heads, 0, INNER_HEAD);
	const struct gate_head *now = map_inner(head, GATE_HEAD_SIZE);
	bool same;

	if (!now)
		return false;
	same = now->generation == generation->head->generation;
	munmap((void *)(uintptr_t)now, GATE_HEAD_SIZE);
	return same;
}

int generation_map(struct kernel *kernel, struct generation *out, struct report *report)
{
	int tries, r = -EAGAIN;
	uint32_t zero = 0, id;

	*out = (struct generation){};
	if (bpf_map_lookup_elem(kernel->heads, &zero, &id) == -ENOENT)
		return -ENOENT;
	/* A writer may switch between two of our reads; it cannot do so every time. */
	for (tries = 0; tries < 100; tries++) {
		r = map_once(kernel, out);
		if (r == 0 && is_current(kernel, out))
			return 0;
		generation_unmap(out);
	}
	return report_errno(report, r < 0 ? -r : EAGAIN, "cannot read the running generation");
}

void generation_unmap(struct generation *generation)
{
	if (generation->head)
		munmap((void *)(uintptr_t)generation->head, GATE_HEAD_SIZE);
	if (generation->pages)
		munmap((void *)(uintptr_t)generation->pages, generation->pages_length);
	*generation = (struct generation){};
}

const void *generation_at(const struct generation *generation, uint32_t ref, size_t size)
{
	size_t at = ref;

	if (at < GATE_HEAD_SIZE)
		return at + size <= GATE_HEAD_SIZE ? (const uint8_t *)generation->head + at : NULL;
	at -= GATE_HEAD_SIZE;
	return at + size <= generation->pages_length ? generation->pages + at : NULL;
}

int kernel_read_hits(struct kernel *kernel, const struct generation *generation, uint64_t **out,
		     size_t *count, struct report *report)
{
	_cleanup_free_ uint64_t *sums = NULL;
	struct hits hits;
	uint32_t slot, slots = generation->head->slot_count;
	int r;

	sums = calloc(slots ? slots : 1, sizeof(*sums));
	if (!sums)
		return report_errno(report, ENOMEM, "cannot read the hit counters");
	r = hits_open_running(kernel, generation, &hits, report);
	if (r < 0)
		return r;
	for (slot = 0; slot < slots && slot < hits.capacity; slot++)
		sums[slot] = hits_sum(&hits, slot);
	hits_close(&hits);
	*out = TAKE_PTR(sums);
	*count = slots;
	return 0;
}
