// SPDX-License-Identifier: Apache-2.0
/*
 * The switch from one generation to the next. What the new one needs is made
 * first; then one update of the outer map of heads switches, and returns when
 * no CPU runs the old one any more; then what only the old one used goes.
 *
 * Killed before the switch: the old generation runs on. Killed behind it: the
 * new one runs. What was left behind shows by its pins, which come first and
 * go last, and the next change removes it.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "agent/base/cleanup.h"
#include "agent/base/file.h"
#include "agent/gate/hits.h"
#include "agent/gate/inner.h"
#include "agent/gate/link.h"

#define NOTES_VALUE_SIZE 4096U

static int make_directory(const struct kernel *kernel, struct report *report)
{
	_cleanup_free_ char *directory = kernel_path(kernel->pin_dir, "inner", NULL);

	if (!directory)
		return report_errno(report, ENOMEM, "cannot make the generation");
	return file_make_directories(directory, 0700, report);
}

/* The first element of outer map `pages` that the generation may use. */
static uint32_t first_page(const struct gate_head *head)
{
	return head->pages + (GATE_PAGES_START >> GATE_PAGE_SHIFT);
}

/* Removes all that the running generation does not use, if there are signs of it. */
static int clean_up(struct kernel *kernel, const struct generation *running)
{
	const struct gate_head *head = running->head;
	struct inner_leftovers left;
	uint32_t used;
	int r;

	r = inner_find_leftovers(kernel, running, &left, false);
	if (r < 0 || !left.any)
		return r;
	used = head ? first_page(head) + head->page_count : GATE_MAX_PAGES;
	r = inner_remove_pages(kernel->pages, head && !head->pages ? GATE_MAX_PAGES : 0,
			       GATE_MAX_PAGES);
	if (r == 0)
		r = inner_remove_pages(kernel->pages, used,
				       (head ? head->pages : GATE_MAX_PAGES) + GATE_MAX_PAGES -
					       used);
	if (r == 0)
		r = hits_remove(kernel, head ? hits_chunks(head->slot_count) : 0, left.hits_chunks);
	return r < 0 ? r : inner_find_leftovers(kernel, running, &left, true);
}

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

/* The counters of the new generation: those that run, new ones, and none of another prefix. */
static int prepare_hits(struct kernel *kernel, const struct generation *running,
			const struct image *image)
{
	uint32_t there = running->head ? hits_chunks(running->head->slot_count) : 0;
	int r;

	r = hits_add(kernel, there, hits_chunks(image->head->slot_count));
	if (r < 0)
		return r;
	return hits_zero(kernel, image->fresh_slots, image->fresh_slot_count, there);
}

static int make_notes(struct kernel *kernel, const struct image *image)
{
	_cleanup_close_ int fd =
		inner_make_filled("notes", NOTES_VALUE_SIZE, image->notes, image->notes_length);
	int r;

	if (fd < 0)
		return fd;
	r = inner_id(fd, &image->head->notes);
	return r < 0 ? r : inner_pin(kernel, "notes", image->head->notes, fd);
}

/* Makes the head and switches to it. */
static int put_head(struct kernel *kernel, const struct image *image)
{
	_cleanup_close_ int fd =
		inner_make_filled("head", GATE_HEAD_SIZE, image->head, GATE_HEAD_SIZE);
	uint32_t id;
	int r;

	if (fd < 0)
		return fd;
	r = inner_id(fd, &id);
	if (r == 0)
		r = inner_pin(kernel, "head", id, fd);
	return r < 0 ? r : inner_put(kernel->heads, 0, fd);
}

static int switch_over(struct kernel *kernel, const struct generation *running,
		       const struct image *image, struct report *report)
{
	struct gate_head *head = image->head;
	int r;

	head->pages = running->head && !running->head->pages ? GATE_MAX_PAGES : 0;
	r = prepare_hits(kernel, running, image);
	if (r < 0)
		return report_errno(report, -r, "cannot make the hit counters");
	r = zero_fresh(kernel, image, report);
	if (r < 0)
		return r;
	r = make_notes(kernel, image);
	if (r == 0)
		r = inner_put_pages(kernel->pages, first_page(head), image->pages,
				    image->page_count);
	if (r == 0)
		r = put_head(kernel, image);
	if (r < 0)
		return report_errno(report, -r, "cannot give the generation to the kernel");
	return 0;
}

/*
 * The new generation runs. What only the old one used goes, its pins last; if
 * that fails, the next change tries again.
 */
static void remove_old(struct kernel *kernel, const struct generation *running,
		       const struct image *image)
{
	const struct gate_head *old = running->head;
	struct generation now = {.head = image->head};
	struct inner_leftovers left;

	if (old && inner_remove_pages(kernel->pages, first_page(old), old->page_count) < 0)
		return;
	if (old && hits_remove(kernel, hits_chunks(image->head->slot_count),
			       hits_chunks(old->slot_count)) < 0)
		return;
	inner_find_leftovers(kernel, &now, &left, true);
}

int kernel_publish(struct kernel *kernel, const struct image *image, struct report *report)
{
	struct generation running = {};
	int r;

	r = make_directory(kernel, report);
	if (r < 0)
		return r;
	r = generation_map(kernel, &running, report);
	if (r < 0 && r != -ENOENT)
		return r;
	r = clean_up(kernel, &running);
	if (r < 0)
		report_errno(report, -r, "cannot remove what a killed change left");
	else
		r = switch_over(kernel, &running, image, report);
	if (r == 0)
		remove_old(kernel, &running, image);
	else
		clean_up(kernel, &running);
	generation_unmap(&running);
	return r;
}
