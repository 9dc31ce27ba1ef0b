// SPDX-License-Identifier: Apache-2.0
/*
 * To be preloaded: the bpf() call, or removal of a file, with the number FAIL_AT
 * fails with ENOMEM, whichever thread makes it. FAIL_COUNT names a file for how
 * many there were.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int calls;

static int fails(void)
{
	const char *at = getenv("FAIL_AT");
	int number = __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);

	if (!at || number != atoi(at))
		return 0;
	errno = ENOMEM;
	return 1;
}

long syscall(long number, ...)
{
	static long (*next)(long number, ...);
	long a[6];
	va_list list;
	int i;

	va_start(list, number);
	for (i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	if (!next)
		next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	if (number == SYS_bpf && fails())
		return -1;
	return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int unlink(const char *path)
{
	return fails() ? -1 : (int)syscall(SYS_unlinkat, -100L, path, 0L);
}

int unlinkat(int directory, const char *path, int flags)
{
	return fails() ? -1 : (int)syscall(SYS_unlinkat, (long)directory, path, (long)flags);
}

__attribute__((destructor)) static void count(void)
{
	const char *path = getenv("FAIL_COUNT");
	FILE *file = path ? fopen(path, "w") : NULL;

	if (!file)
		return;
	fprintf(file, "%d\n", calls);
	fclose(file);
}
