// SPDX-License-Identifier: Apache-2.0
#include "agent/gate/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "agent/base/cleanup.h"
#include "agent/base/file.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

#define LOCKS_FILE "/proc/locks"
#define LOCKS_MAX_BYTES (4U << 20)
#define AGAIN_NS 20000000

/* ---- Who holds it ---- */

/* "1: FLOCK  ADVISORY  WRITE 4711 fe:01:1234 0 EOF"; waiting ones have "->" behind the number. */
static int holder_in(const char *locks, const struct stat *status)
{
	char identity[64];
	char found[64];
	int pid;

	snprintf(identity, sizeof(identity), "%02x:%02x:%ju", major(status->st_dev),
		 minor(status->st_dev), (uintmax_t)status->st_ino);
	while (*locks) {
		if (sscanf(locks, "%*d: FLOCK %*s %*s %d %63s", &pid, found) == 2 &&
		    strcmp(found, identity) == 0)
			return pid;
		locks += strcspn(locks, "\n");
		locks += *locks == '\n';
	}
	return 0;
}

/* 0: not known, which is so for a holder in another PID namespace. */
static int find_holder(int fd)
{
	_cleanup_free_ char *locks = NULL;
	struct stat status;
	size_t length;

	if (fstat(fd, &status) < 0 || file_read(LOCKS_FILE, LOCKS_MAX_BYTES, &locks, &length, NULL))
		return 0;
	return holder_in(locks, &status);
}

static void read_process_name(int pid, char out[32])
{
	_cleanup_free_ char *name = NULL;
	char path[64];
	size_t length;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if (file_read(path, 4096, &name, &length, NULL) < 0)
		return;
	name[strcspn(name, "\n")] = '\0';
	snprintf(out, 32, "%s", name);
}

static int report_busy(int fd, const char *directory, struct report *report)
{
	char name[32] = "its name is unknown";
	int pid = find_holder(fd);

	if (pid <= 0)
		return report_error(report, REPORT_FAILED, EBUSY, "try again when it is done",
				    "another process holds the lock of '%s'", directory);
	read_process_name(pid, name);
	return report_error(report, REPORT_FAILED, EBUSY, "try again when it is done",
			    "process %d (%s) holds the lock of '%s'", pid, name, directory);
}

/* ---- Waiting ---- */

/*
 * flock() knows no time limit, so a timer signal interrupts it. The timer aims
 * at this thread only, and repeats, so that one that fires between two calls
 * of flock() is not the last. All of it is undone afterwards.
 */
struct alarm {
	timer_t timer;
	struct sigaction action; /* as they were */
	sigset_t mask;
	bool armed;
};

static void ignore_signal(int number)
{
	(void)number;
}

static void alarm_stop(struct alarm *alarm)
{
	if (!alarm->armed)
		return;
	timer_delete(alarm->timer);
	pthread_sigmask(SIG_SETMASK, &alarm->mask, NULL);
	sigaction(SIGALRM, &alarm->action, NULL);
}

static int alarm_start(struct alarm *alarm, const struct timespec *deadline)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM};
	struct itimerspec when = {.it_value = *deadline, .it_interval.tv_nsec = AGAIN_NS};
	struct sigaction action = {.sa_handler = ignore_signal}; /* no SA_RESTART */
	sigset_t set;

	event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &event, &alarm->timer) < 0)
		return -errno;
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigaction(SIGALRM, &action, &alarm->action);
	pthread_sigmask(SIG_UNBLOCK, &set, &alarm->mask);
	alarm->armed = true;
	return timer_settime(alarm->timer, TIMER_ABSTIME, &when, NULL) < 0 ? -errno : 0;
}

static bool is_over(const struct timespec *deadline)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > deadline->tv_sec ||
	       (now.tv_sec == deadline->tv_sec && now.tv_nsec >= deadline->tv_nsec);
}

/* -EWOULDBLOCK: the deadline passed. */
static int lock_until(int fd, const struct timespec *deadline)
{
	_cleanup_(alarm_stop) struct alarm alarm = {0};
	int r;

	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK || is_over(deadline))
		return -errno;
	r = alarm_start(&alarm, deadline);
	if (r < 0)
		return r;
	while (flock(fd, LOCK_EX) < 0) {
		if (errno != EINTR)
			return -errno;
		if (is_over(deadline))
			return -EWOULDBLOCK;
	}
	return 0;
}

/* The last link takes the directory with it: is what we locked still what the path names? */
static bool is_current(int fd, const char *directory)
{
	struct stat ours;
	struct stat theirs;

	return fstat(fd, &ours) == 0 && stat(directory, &theirs) == 0 &&
	       ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

int lock_acquire(const char *directory, unsigned int seconds, struct report *report)
{
	struct timespec deadline;

	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += seconds;
	for (;;) {
		_cleanup_close_ int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		int r;

		if (fd < 0)
			return report_errno(report, errno, "cannot open '%s'", directory);
		r = lock_until(fd, &deadline);
		if (r == -EWOULDBLOCK)
			return report_busy(fd, directory, report);
		if (r < 0)
			return report_errno(report, -r, "cannot lock '%s'", directory);
		if (is_current(fd, directory))
			return TAKE_FD(fd);
	}
}
