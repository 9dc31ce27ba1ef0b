// SPDX-License-Identifier: Apache-2.0
/* Will the next boot find what runs now? */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "agent/gate/doctor_internal.h"
#include "agent/gate/document.h"
#include "agent/gate/state.h"

/* A change needs room for a second copy, and somebody else may write, too. */
#define SPARE_BYTES (4ULL << 20)

/* One file, without falling back on the other as state_read() does. -ENOENT where there is none. */
static int read_saved(const char *directory, const char *name, struct policy **out,
		      struct report *report)
{
	_cleanup_free_ char *text = NULL;
	char path[PATH_MAX];
	size_t length;
	int r;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	r = file_read(path, STATE_MAX_BYTES, &text, &length, report);
	if (r < 0)
		return r;
	return document_read(path, text, length, out, report);
}

static void say_unreadable(struct doctor *doctor, int code, const struct report *report)
{
	const char *directory = doctor->options->state_dir;
	_cleanup_(report_clear) struct report ignored = {0};
	_cleanup_(policy_freep) struct policy *previous = NULL;

	doctor_add(doctor, DOCTOR_FAIL, "state", NULL, "%s",
		   report->error ? report->error : strerrordesc_np(-code));
	if (code == -EACCES || code == -EPERM)
		doctor_hint(doctor, "run as root");
	else if (!read_saved(directory, STATE_PREVIOUS, &previous, &ignored))
		doctor_hint(
			doctor,
			"the one before, %s/%s, is whole (generation %llu), and is used instead; "
			"the next change writes a new one",
			directory, STATE_PREVIOUS, (unsigned long long)previous->generation);
	else
		doctor_hint(doctor, "the one before is no better: any change writes a new one; "
				    "without a gate in the kernel, start from a copy of yours");
}

static void say_missing(struct doctor *doctor)
{
	const char *directory = doctor->options->state_dir;

	if (!doctor->running.loaded) {
		doctor_add(doctor, DOCTOR_OK, "state", NULL, "nothing is saved in %s yet",
			   directory);
		return;
	}
	doctor_add(doctor, DOCTOR_WARN, "state", NULL,
		   "nothing is saved in %s: the next boot starts without the policy that runs",
		   directory);
	doctor_hint(doctor, "any change saves it");
}

static void say_saved(struct doctor *doctor)
{
	unsigned long long saved = doctor->saved->generation, running = doctor->running.generation;

	if (!doctor->running.loaded || saved == running) {
		doctor_add(doctor, DOCTOR_OK, "state", NULL, "generation %llu is saved%s", saved,
			   doctor->running.loaded ? ", the one that runs" : "");
		return;
	}
	doctor_add(doctor, DOCTOR_WARN, "state", NULL,
		   "generation %llu is saved, but %llu runs: the next boot goes %s", saved, running,
		   saved < running ? "back" : "on to the saved one");
	doctor_hint(doctor, "any change saves what runs");
}

static void check_file(struct doctor *doctor)
{
	_cleanup_(report_clear) struct report report = {0};
	const char *directory = doctor->options->state_dir;
	char path[PATH_MAX];
	int r;

	r = read_saved(directory, STATE_FILE, &doctor->saved, &report);
	if (r == -ENOENT)
		say_missing(doctor);
	else if (r < 0)
		say_unreadable(doctor, r, &report);
	else
		say_saved(doctor);

	snprintf(path, sizeof(path), "%s/%s", directory, STATE_DAMAGED);
	if (access(path, F_OK) < 0)
		return;
	doctor_add(doctor, DOCTOR_WARN, "state", NULL,
		   "%s was found damaged and set aside; the one before was used", path);
	doctor_hint(doctor, "look for what wrote to it (a full or failing disk?), then remove it");
}

static void check_directory(struct doctor *doctor)
{
	const char *directory = doctor->options->state_dir;
	struct statvfs status;

	if (access(directory, W_OK) < 0) {
		/* Not there: the first change makes it. */
		if (errno == ENOENT)
			return;
		doctor_add(doctor, DOCTOR_FAIL, "state", NULL, "%s cannot be written to: %s",
			   directory, strerrordesc_np(errno));
		doctor_hint(doctor, "changes are refused until it can; or name a --state-dir");
		return;
	}
	if (statvfs(directory, &status) < 0 ||
	    (uint64_t)status.f_bavail * status.f_frsize >= SPARE_BYTES)
		return;
	doctor_add(doctor, DOCTOR_WARN, "state", NULL, "%s is almost full: %llu KiB are left",
		   directory, (unsigned long long)status.f_bavail * status.f_frsize >> 10);
	doctor_hint(doctor, "free some space there: a change that cannot be saved is refused");
}

void doctor_check_state(struct doctor *doctor)
{
	check_file(doctor);
	check_directory(doctor);
}
