// SPDX-License-Identifier: Apache-2.0
/*
 * killat N COMMAND...: kills the command with SIGKILL before its Nth system
 * call that could change something, whichever of its threads makes it, so that
 * a test can go through all the moments between two changes. Exits with 0 if it
 * was killed, 77 if it ended before, whatever its status.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENDED_BEFORE 77

/* Not mmap and its kind: what they change is gone with the process, or comes with the next call. */
static const uint64_t changing[] = {
	SYS_renameat, SYS_renameat2, SYS_unlinkat, SYS_linkat, SYS_fsync, SYS_write, SYS_fchmod,
#ifdef SYS_rename
	SYS_rename,   SYS_unlink,    SYS_link,	   SYS_rmdir,
#endif
};

static const uint64_t changing_bpf[] = {
	BPF_MAP_CREATE,	 BPF_MAP_UPDATE_ELEM, BPF_MAP_DELETE_ELEM, BPF_PROG_LOAD,   BPF_OBJ_PIN,
	BPF_LINK_CREATE, BPF_LINK_UPDATE,     BPF_MAP_FREEZE,	   BPF_LINK_DETACH,
};

static int is_in(uint64_t number, const uint64_t *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == number)
			return 1;
	return 0;
}

#define IS_IN(number, list) is_in(number, list, sizeof(list) / sizeof((list)[0]))

static int is_changing(uint64_t number, uint64_t command)
{
	return IS_IN(number, changing) || (number == SYS_bpf && IS_IN(command, changing_bpf));
}

static void die(const char *what)
{
	fprintf(stderr, "killat: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* The signal to go on with; 0 where the stop is none of the command's business. */
static int signal_of(pid_t child, pid_t thread, int status)
{
	if (status >> 16 || WSTOPSIG(status) == (SIGTRAP | 0x80))
		return 0;
	if (thread != child && WSTOPSIG(status) == SIGSTOP)
		return 0; /* how a new thread begins */
	return WSTOPSIG(status);
}

/* Runs to the next entry or exit of a system call in *thread; 0: the command has ended. */
static int step(pid_t child, pid_t *thread, int signal)
{
	int status;

	for (;;) {
		if (*thread && ptrace(PTRACE_SYSCALL, *thread, 0, signal) < 0 && errno != ESRCH)
			die("PTRACE_SYSCALL");
		*thread = waitpid(-1, &status, __WALL);
		if (*thread < 0)
			die("waitpid");
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			if (*thread == child)
				return 0;
			*thread = 0;
			continue;
		}
		if (WSTOPSIG(status) == (SIGTRAP | 0x80))
			return 1;
		signal = signal_of(child, *thread, status);
	}
}

static pid_t start(char **argv)
{
	pid_t child = fork();

	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		execv(argv[0], argv);
		_exit(127);
	}
	if (child < 0 || waitpid(child, NULL, 0) != child)
		die("fork");
	if (ptrace(PTRACE_SETOPTIONS, child, 0,
		   PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE |
			   PTRACE_O_EXITKILL) < 0)
		die("PTRACE_SETOPTIONS");
	return child;
}

int main(int argc, char **argv)
{
	struct __ptrace_syscall_info info;
	long left = argc > 2 ? atol(argv[1]) : 0;
	pid_t child, thread;

	if (left <= 0)
		return 2;
	child = thread = start(argv + 2);
	while (step(child, &thread, 0)) {
		if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof(info), &info) < 0)
			die("PTRACE_GET_SYSCALL_INFO");
		if (info.op != PTRACE_SYSCALL_INFO_ENTRY ||
		    !is_changing(info.entry.nr, info.entry.args[0]))
			continue;
		if (--left)
			continue;
		kill(child, SIGKILL);
		while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
			; /* all of its threads are gone */
		return 0;
	}
	return ENDED_BEFORE;
}
