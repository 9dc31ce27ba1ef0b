// SPDX-License-Identifier: Apache-2.0
#include "agent/gate/events.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "agent/base/cleanup.h"
#include "agent/base/file.h"
#include "agent/gate/change.h"
#include "agent/gate/lock.h"

struct events {
	struct kernel *kernel;
	struct ring_buffer *ring;
	int lock;
	events_handler handler;
	void *data;
};

static int on_sample(void *context, void *data, size_t size)
{
	struct events *events = context;

	if (size < sizeof(struct gate_event))
		return 0;
	return events->handler ? events->handler(events->data, data) : 0;
}

void events_close(struct events *events)
{
	if (!events)
		return;
	ring_buffer__free(events->ring);
	kernel_free(events->kernel);
	cleanup_close(&events->lock);
	free(events);
}

void events_closep(struct events **events)
{
	events_close(*events);
}

static int open_ring(const struct gate_options *options, struct events *events,
		     struct report *report)
{
	_cleanup_free_ char *directory = kernel_path(options->pin_dir, "reader", NULL);
	int r;

	r = gate_open_kernel(options, &events->kernel, report);
	if (r == -ENOENT)
		return report_error(report, REPORT_NOT_FOUND, ENOENT,
				    "'apimgate link attach dev NAME' loads it",
				    "no gate is loaded in %s", options->pin_dir);
	if (r < 0)
		return r;
	if (!directory)
		return report_errno(report, ENOMEM, "cannot read events");
	r = file_make_directories(directory, 0700, report);
	if (r < 0)
		return r;
	events->lock = lock_acquire(directory, 0, report);
	if (events->lock < 0)
		return events->lock;
	events->ring = ring_buffer__new(events->kernel->events, on_sample, events, NULL);
	return events->ring ? 0 : report_errno(report, errno, "cannot map the event ring");
}

int events_open(const struct gate_options *options, struct events **out, struct report *report)
{
	_cleanup_(events_closep) struct events *events = calloc(1, sizeof(*events));
	int r;

	if (!events)
		return report_errno(report, ENOMEM, "cannot read events");
	events->lock = -1;
	r = open_ring(options, events, report);
	if (r < 0)
		return r;
	*out = TAKE_PTR(events);
	return 0;
}

int events_wait(struct events *events, int milliseconds, events_handler handler, void *data)
{
	int r;

	events->handler = handler;
	events->data = data;
	/* What is there already does not wake the poll. */
	r = ring_buffer__consume(events->ring);
	if (r == 0)
		r = ring_buffer__poll(events->ring, milliseconds);
	events->handler = NULL;
	return r;
}

int events_fd(const struct events *events)
{
	return ring_buffer__epoll_fd(events->ring);
}

void events_wall_time(const struct gate_event *event, int64_t *seconds, uint32_t *nanoseconds)
{
	struct timespec boot, real;
	int64_t ns;

	clock_gettime(CLOCK_BOOTTIME, &boot);
	clock_gettime(CLOCK_REALTIME, &real);
	ns = (real.tv_sec - boot.tv_sec) * 1000000000LL + (real.tv_nsec - boot.tv_nsec) +
	     (int64_t)event->time;
	*seconds = ns / 1000000000;
	*nanoseconds = (uint32_t)(ns % 1000000000);
}
