/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One writer at a time: an exclusive flock() on the pin directory, which the
 * kernel drops with its owner, however it ends.
 */
#ifndef APIMGATE_GATE_LOCK_H
#define APIMGATE_GATE_LOCK_H

#include "agent/base/report.h"

/*
 * Opens the directory and locks it, waiting up to seconds for another writer.
 * Returns a descriptor that holds the lock until it is closed, or -EBUSY with
 * an error that names the holder's process id where /proc/locks tells it.
 */
int lock_acquire(const char *directory, unsigned int seconds, struct report *report);

#endif
