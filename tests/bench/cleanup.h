/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_CLEANUP_H
#define BENCH_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define __cleanup(fn) __attribute__((cleanup(fn)))
#define __free __cleanup(cleanup_free)
#define __close __cleanup(cleanup_close)
#define __fclose __cleanup(cleanup_fclose)

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}

#endif
