/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The maps that outer maps refer to, and their pins:
 *
 *	PIN_DIR/inner/head-ID	the head of a generation, by the id of the map
 *	PIN_DIR/inner/notes-ID	what goes with it for userspace; the head has the id
 *	PIN_DIR/inner/hits-N	hit counters in element N of the outer map
 *
 * Pins are what lets a process without CAP_SYS_ADMIN open them. Pages have
 * none: only the program reads them.
 *
 * Every update and every deletion of an element of an outer map waits until
 * no CPU uses the old one, some 10 ms each. Doing it from several threads lets
 * them wait together (batches would, too, but from Linux 6.8 on only).
 */
#ifndef APIMGATE_GATE_INNER_H
#define APIMGATE_GATE_INNER_H

#include "agent/gate/kernel.h"

/* Makes an array; seals it where it holds data for good. Returns its descriptor. */
int inner_make(const char *name, uint32_t value_size, uint32_t entries);
int inner_make_filled(const char *name, uint32_t value_size, const void *data, size_t length);

int inner_id(int fd, uint32_t *id);

/* Pins in the place of what may have been left there. */
int inner_pin(const struct kernel *kernel, const char *type, uint32_t number, int fd);
int inner_unpin(const struct kernel *kernel, const char *type, uint32_t number);
/* A descriptor, or -ENOENT. */
int inner_open(const struct kernel *kernel, const char *type, uint32_t number);

/* Puts it in the place of what may be there. */
int inner_put(int outer, uint32_t index, int fd);
/* What is not there need not be removed, and costs no wait. */
int inner_remove(int outer, uint32_t index);

/*
 * Puts pages from `data` into elements first, first + 1, ...; or removes the
 * elements [first, first + count) that there are.
 */
int inner_put_pages(int outer, uint32_t first, const uint8_t *data, uint32_t count);
int inner_remove_pages(int outer, uint32_t first, uint32_t count);

/*
 * What a killed change left: any pin that the running generation does not use.
 * Unpins them, but for hits (see hits.h), and says whether there were some.
 */
struct inner_leftovers {
	bool any;
	uint32_t hits_chunks; /* 1 + the highest chunk that has a pin */
};

int inner_find_leftovers(const struct kernel *kernel, const struct generation *running,
			 struct inner_leftovers *out, bool unpin);

#endif
