// SPDX-License-Identifier: Apache-2.0
#include "agent/gate/state.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/cleanup.h"
#include "agent/gate/document.h"

#define SAVE_HINT                                                                                 \
	"make room, or make it writable; or use `--no-save`, which changes what runs and leaves " \
	"the next boot as it is"

static void cleanup_report(struct report *report)
{
	report_clear(report);
}

static char *path_in(const char *directory, const char *name)
{
	size_t size = strlen(directory) + strlen(name) + 2;
	char *path = malloc(size);

	if (path)
		snprintf(path, size, "%s/%s", directory, name);
	return path;
}

/* -ENOENT: no such file. -EBADMSG: damaged. */
static int read_one(const char *path, struct policy **out, struct report *report)
{
	_cleanup_free_ char *text = NULL;
	size_t length;
	int r = file_read(path, STATE_MAX_BYTES, &text, &length, report);

	if (r == -EFBIG)
		return -EBADMSG;
	if (r < 0)
		return r;
	return document_read(path, text, length, out, report);
}

/* Could the one before it serve instead? */
static bool is_lost(int r)
{
	return r == -ENOENT || r == -EBADMSG;
}

static int pass_on(const struct report *said, int r, struct report *report)
{
	return report_error(report, said->kind, -r, said->hint, "%s",
			    said->error ? said->error : "cannot read the state");
}

static int report_damaged(const struct report *said, struct report *report)
{
	return report_error(report, REPORT_FAILED, EBADMSG,
			    "put a backup in its place, or remove both " STATE_FILE
			    " and " STATE_PREVIOUS " to start with an empty policy",
			    "%s, and there is no older state to fall back on",
			    said->error ? said->error : "the state is damaged");
}

/* Tells why the previous state serves. A writer keeps a damaged one for whoever wants to know more. */
static void warn_of_previous(const char *directory, const char *path, bool set_aside, int r,
			     const struct report *said, struct report *report)
{
	_cleanup_free_ char *aside = path_in(directory, STATE_DAMAGED);

	if (r == -ENOENT)
		report_warn(report, "'%s' is missing: the state before it is used", path);
	else if (set_aside && aside && rename(path, aside) == 0)
		report_warn(report,
			    "%s: the state before it is used, the damaged one is kept as '%s'",
			    said->error, aside);
	else
		report_warn(report, "%s: the state before it is used", said->error);
}

static int read_state(const char *directory, bool set_aside, struct policy **out,
		      struct report *report)
{
	_cleanup_(cleanup_report) struct report said = {0};
	_cleanup_(cleanup_report) struct report said_before = {0};
	_cleanup_free_ char *path = path_in(directory, STATE_FILE);
	_cleanup_free_ char *previous = path_in(directory, STATE_PREVIOUS);
	int before;
	int r;

	if (!path || !previous)
		return report_errno(report, ENOMEM, "cannot read the state");
	r = read_one(path, out, &said);
	if (r == 0)
		return 0;
	if (!is_lost(r))
		return pass_on(&said, r, report);
	before = read_one(previous, out, &said_before);
	if (before == 0) {
		warn_of_previous(directory, path, set_aside, r, &said, report);
		return 0;
	}
	if (!is_lost(before))
		return pass_on(&said_before, before, report);
	/* An empty policy in place of a damaged one would open the gate. */
	if (r == -EBADMSG || before == -EBADMSG)
		return report_damaged(r == -EBADMSG ? &said : &said_before, report);
	r = policy_new(out);
	return r < 0 ? report_errno(report, -r, "cannot make a policy") : 0;
}

int state_read(const char *directory, struct policy **out, struct report *report)
{
	return read_state(directory, false, out, report);
}

int state_recover(const char *directory, struct policy **out, struct report *report)
{
	return read_state(directory, true, out, report);
}

int state_draft(const char *directory, const char *text, size_t length, struct file_draft *draft,
		struct report *report)
{
	_cleanup_(cleanup_report) struct report said = {0};
	_cleanup_free_ char *path = path_in(directory, STATE_FILE);
	int r;

	if (!path)
		return report_errno(report, ENOMEM, "cannot write the state");
	r = file_make_directories(directory, 0700, &said);
	if (r == 0)
		r = file_draft_write(draft, path, text, length, 0600, &said);
	if (r == 0)
		return 0;
	return report_error(report, said.kind, -r,
			    said.kind == REPORT_PERMISSION ? said.hint : SAVE_HINT, "%s",
			    said.error ? said.error : "cannot write the state");
}

/*
 * What is at the path becomes the previous state, which is what a damaged one
 * falls back on: so it must be whole, or the last good one would be lost.
 */
static void set_damaged_aside(const char *directory, const char *path, struct report *report)
{
	_cleanup_(cleanup_report) struct report said = {0};
	_cleanup_free_ char *aside = path_in(directory, STATE_DAMAGED);
	_cleanup_free_ char *text = NULL;
	size_t length;

	if (!aside || file_read(path, STATE_MAX_BYTES, &text, &length, &said) < 0)
		return;
	if (document_check(path, text, length, &said) == -EBADMSG && rename(path, aside) == 0)
		report_warn(report, "%s: it is kept as '%s', and a new one is written", said.error,
			    aside);
}

int state_commit(const char *directory, struct file_draft *draft, struct report *report)
{
	_cleanup_free_ char *previous = path_in(directory, STATE_PREVIOUS);

	if (!previous)
		return report_errno(report, ENOMEM, "cannot write the state");
	set_damaged_aside(directory, draft->path, report);
	return file_draft_commit(draft, previous, report);
}
