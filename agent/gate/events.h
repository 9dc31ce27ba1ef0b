/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drop events from the ring buffer. There is one ring and one reader at a
 * time (a lock on the pin directory's links keeps a second one out); events
 * from before it came are still there, up to the size of the ring.
 */
#ifndef APIMGATE_GATE_EVENTS_H
#define APIMGATE_GATE_EVENTS_H

#include "agent/gate/gate.h"

struct events;

/* -EBUSY where another process reads them (it is named), -ENOENT where no gate is loaded. */
int events_open(const struct gate_options *options, struct events **out, struct report *report);
void events_close(struct events *events);
void events_closep(struct events **events);

/* Return a negative number to stop: events_wait() returns it. */
typedef int (*events_handler)(void *data, const struct gate_event *event);

/*
 * Hands over what is there, waiting up to milliseconds (-1: for ever) for the
 * first. Returns how many, or -errno; -EINTR when a signal came.
 */
int events_wait(struct events *events, int milliseconds, events_handler handler, void *data);

/* A descriptor to poll, for an event loop. Owned by events. */
int events_fd(const struct events *events);

/* An event's time as seconds and nanoseconds since 1970. */
void events_wall_time(const struct gate_event *event, int64_t *seconds, uint32_t *nanoseconds);

#endif
