/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate in the kernel: its shared maps and their pins.
 *
 *	PIN_DIR/meta, heads, pages, hits, events	shared maps
 *	PIN_DIR/inner/...				see inner.h
 *	PIN_DIR/links/DEVICE/...			see link.h
 */
#ifndef APIMGATE_GATE_KERNEL_H
#define APIMGATE_GATE_KERNEL_H

#include "agent/gate/image.h"

struct kernel {
	char *pin_dir;
	int heads, pages, hits, events, meta; /* descriptors */
	struct gate_meta info;
};

/* Opens a gate that is pinned. -ENOENT, without an error, where none is; -EPROTO: other layout. */
int kernel_open(const char *pin_dir, struct kernel **out, struct report *report);

/*
 * Makes the shared maps and pins them; the caller holds the lock. The gate
 * counts as pinned with the last of them, so one that was killed half-way is
 * made anew.
 */
int kernel_create(const char *pin_dir, struct kernel **out, struct report *report);

void kernel_free(struct kernel *kernel);
void kernel_freep(struct kernel **kernel);

/* Makes the directory that the lock is on. Fails where it is not on a BPF file system. */
int kernel_make_pin_dir(const char *pin_dir, struct report *report);

/*
 * Gives the generation to the kernel and switches to it; the caller holds the lock.
 * Of the image only the head changes: it learns where its pages and notes are.
 */
int kernel_publish(struct kernel *kernel, const struct image *image, struct report *report);

/* A read-only view of the running generation. */
struct generation {
	const struct gate_head *head;
	const uint8_t *notes; /* slots, then the document */
	size_t notes_length;
};

/* -ENOENT, without an error, where none was published. */
int generation_map(struct kernel *kernel, struct generation *out, struct report *report);
void generation_unmap(struct generation *generation);
/* Its document, of head->document_length bytes. */
const char *generation_document(const struct generation *generation);
/* What all of it takes in the kernel, hit counters included. */
uint64_t generation_bytes(const struct kernel *kernel, const struct generation *generation);

/* The policy of the running generation, with slots and what it uses. */
int generation_policy(const struct generation *generation, struct policy **out,
		      struct report *report);

/* Sums the hit counters; *out owned by the caller. */
int kernel_read_hits(struct kernel *kernel, const struct generation *generation, uint64_t **out,
		     size_t *count, struct report *report);

/* PIN_DIR/a or PIN_DIR/a/b (b may be NULL), owned by the caller; NULL: no memory. */
char *kernel_path(const char *pin_dir, const char *a, const char *b);

/* The 16 hex digits that name the program inside this binary. */
const char *kernel_build(void);

#endif
