// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/stop.h"

#include <errno.h>
#include <sys/signalfd.h>
#include <unistd.h>

int stop_begin(struct stop *stop, struct report *report)
{
	sigset_t signals;

	stop->fd = -1;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &signals, &stop->before))
		return report_errno(report, errno, "waiting for signals");
	stop->fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (stop->fd >= 0)
		return 0;
	sigprocmask(SIG_SETMASK, &stop->before, NULL);
	return report_errno(report, errno, "waiting for signals");
}

void stop_end(struct stop *stop)
{
	struct signalfd_siginfo info;

	if (stop->fd < 0)
		return;
	/* What was waited for has been obeyed: it is not to come again. */
	while (read(stop->fd, &info, sizeof(info)) > 0)
		;
	close(stop->fd);
	stop->fd = -1;
	sigprocmask(SIG_SETMASK, &stop->before, NULL);
}
