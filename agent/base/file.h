/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole files: read within a limit, and replaced so that a reader, or a power
 * cut at any moment, finds either the old content or the new.
 */
#ifndef APIMGATE_BASE_FILE_H
#define APIMGATE_BASE_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "agent/base/report.h"

/*
 * Reads a file ("-": standard input) of at most limit bytes. *out is
 * NUL-terminated and owned by the caller; *length does not count the NUL.
 * A missing file is -ENOENT with REPORT_NOT_FOUND, a larger one -EFBIG.
 * Symbolic links and pipes are read too: mounted ConfigMaps are links, and
 * shells give pipes for <(command).
 */
int file_read(const char *path, size_t limit, char **out, size_t *length, struct report *report);

/* A file that has been written and synced beside its target, but not yet put in its place. */
struct file_draft {
	char *path;	 /* the target */
	char *temporary; /* what was written; NULL: the draft is empty */
	int fd;		 /* of the temporary; its lock says that the writer lives */
};

/*
 * Writes and syncs a draft in the target's own directory, with mode. Errors
 * (full disk, read-only, a target that is no regular file) are found here,
 * before anything depends on it. Drafts whose writers died are removed.
 */
int file_draft_write(struct file_draft *draft, const char *path, const void *data, size_t length,
		     mode_t mode, struct report *report);

/*
 * Puts the draft in its place and syncs the directory. With keep, a path in the
 * same directory, what was at the target before stays under that name; the
 * target itself is there at every moment. The draft is empty afterwards; on
 * failure it is still the caller's to discard.
 */
int file_draft_commit(struct file_draft *draft, const char *keep, struct report *report);

/* Removes a draft that was not committed. Harmless on an empty one. */
void file_draft_discard(struct file_draft *draft);

/* mkdir -p with mode for what is made. */
int file_make_directories(const char *path, mode_t mode, struct report *report);

#endif
