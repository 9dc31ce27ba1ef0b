/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For commands that run until somebody stops them: SIGINT, SIGTERM and SIGHUP
 * become readable on a descriptor instead of ending the process, so that what
 * was begun is finished.
 */
#ifndef APIMGATE_CLI_STOP_H
#define APIMGATE_CLI_STOP_H

#include <signal.h>

#include "agent/base/report.h"

struct stop {
	int fd; /* readable when it is time to stop; -1: not begun */
	sigset_t before;
};

int stop_begin(struct stop *stop, struct report *report);

/* Signals work as before. Harmless where stop_begin() failed. */
void stop_end(struct stop *stop);

#endif
