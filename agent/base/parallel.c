// SPDX-License-Identifier: Apache-2.0
#include "agent/base/parallel.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

#define MAX_OTHERS 31

struct shared {
	int (*work)(void *context, uint32_t number);
	void *context;
	uint32_t count;
	uint32_t next; /* atomic */
	int result;    /* atomic; the first that is not zero */
};

static void *run(void *argument)
{
	struct shared *s = argument;
	uint32_t number;
	int r, none;

	while (!__atomic_load_n(&s->result, __ATOMIC_RELAXED)) {
		number = __atomic_fetch_add(&s->next, 1, __ATOMIC_RELAXED);
		if (number >= s->count)
			break;
		r = s->work(s->context, number);
		none = 0;
		if (r < 0)
			__atomic_compare_exchange_n(&s->result, &none, r, false, __ATOMIC_RELAXED,
						    __ATOMIC_RELAXED);
	}
	return NULL;
}

int parallel_run(uint32_t count, int (*work)(void *context, uint32_t number), void *context)
{
	struct shared s = {.work = work, .context = context, .count = count};
	pthread_t others[MAX_OTHERS];
	uint32_t started = 0, i;
	sigset_t all, before;

	/* Signals are for the caller's thread, which has handlers that know of it. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (started < MAX_OTHERS && started + 1 < count) {
		if (pthread_create(&others[started], NULL, run, &s))
			break; /* fewer do */
		started++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	run(&s);
	for (i = 0; i < started; i++)
		pthread_join(others[i], NULL);
	return s.result;
}
