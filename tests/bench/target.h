/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_TARGET_H
#define BENCH_TARGET_H

#include <stddef.h>

#include "generator.h"

/*
 * Reads where frames go to, one "ADDRESS PORT" a line, into an array of the
 * caller's to free. Their number must be a power of two.
 */
int target_list_load(const char *path, int family, struct gen_target **list, size_t *count);

#endif
