// SPDX-License-Identifier: Apache-2.0
#include "agent/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "agent/base/cleanup.h"

#define FIRST_READ 16384
#define DRAFT_MARK ".draft-"
#define DRAFT_DIGITS 16
#define KEEP_SUFFIX ".keep"

static void cleanup_closedir(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

/* All three as one new string, or NULL. */
static char *join(const char *a, const char *b, const char *c)
{
	size_t size = strlen(a) + strlen(b) + strlen(c) + 1;
	char *text = malloc(size);

	if (text)
		snprintf(text, size, "%s%s%s", a, b, c);
	return text;
}

/* The directory part of path, as something that can be opened. */
static char *parent_of(const char *path)
{
	_cleanup_free_ char *copy = strdup(path);

	return copy ? strdup(dirname(copy)) : NULL;
}

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int report_no_memory(struct report *report)
{
	return report_errno(report, ENOMEM, "not enough memory");
}

/* ---- Reading ---- */

static int open_input(const char *path, size_t limit, size_t *expected, struct report *report)
{
	_cleanup_close_ int fd = -1;
	struct stat status;

	if (strcmp(path, "-") == 0)
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	else
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 && errno == ENOENT)
		return report_error(report, REPORT_NOT_FOUND, ENOENT, NULL, "there is no file '%s'",
				    path);
	if (fd < 0 || fstat(fd, &status) < 0)
		return report_errno(report, errno, "cannot open '%s'", path);
	if (S_ISDIR(status.st_mode))
		return report_errno(report, EISDIR, "cannot read '%s'", path);
	if (S_ISREG(status.st_mode) && status.st_size > 0 && (uint64_t)status.st_size <= limit)
		*expected = (size_t)status.st_size + 1;
	return TAKE_FD(fd);
}

/* read() until size bytes or the end; -errno. */
static ssize_t read_fully(int fd, char *data, size_t size)
{
	size_t length = 0;

	while (length < size) {
		ssize_t r = read(fd, data + length, size - length);

		if (r == 0)
			break;
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		length += (size_t)r;
	}
	return (ssize_t)length;
}

int file_read(const char *path, size_t limit, char **out, size_t *length, struct report *report)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *data = NULL;
	size_t size = FIRST_READ;
	size_t used = 0;

	fd = open_input(path, limit, &size, report);
	if (fd < 0)
		return fd;
	for (;; size *= 2) {
		char *larger = realloc(data, size + 1);
		ssize_t r;

		if (!larger)
			return report_no_memory(report);
		data = larger;
		r = read_fully(fd, data + used, size - used);
		if (r < 0)
			return report_errno(report, (int)-r, "cannot read '%s'", path);
		used += (size_t)r;
		if (used > limit)
			return report_error(report, REPORT_FAILED, EFBIG, NULL,
					    "'%s' is larger than %zu bytes", path, limit);
		if (used < size)
			break;
	}
	data[used] = '\0';
	*out = TAKE_PTR(data);
	*length = used;
	return 0;
}

/* ---- Drafts ---- */

/* Is name ".TARGET.draft-" and 16 digits? */
static bool is_draft_of(const char *name, const char *target)
{
	size_t length = strlen(target);

	if (name[0] != '.' || strncmp(name + 1, target, length) != 0)
		return false;
	name += 1 + length;
	if (strncmp(name, DRAFT_MARK, strlen(DRAFT_MARK)) != 0)
		return false;
	name += strlen(DRAFT_MARK);
	return strlen(name) == DRAFT_DIGITS && strspn(name, "0123456789abcdef") == DRAFT_DIGITS;
}

/*
 * Every writer holds a lock on its draft, so one that nobody holds was left by
 * a run that was killed. Process ids would not tell: containers have their own.
 */
static void remove_if_abandoned(int directory, const char *name)
{
	_cleanup_close_ int fd =
		openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char kept[NAME_MAX + sizeof(KEEP_SUFFIX)];

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	snprintf(kept, sizeof(kept), "%s" KEEP_SUFFIX, name);
	unlinkat(directory, kept, 0);
	unlinkat(directory, name, 0);
}

static void remove_abandoned_drafts(const char *parent, const char *target)
{
	_cleanup_(cleanup_closedir) DIR *directory = opendir(parent);
	struct dirent *entry;

	if (!directory)
		return;
	while ((entry = readdir(directory)))
		if (is_draft_of(entry->d_name, target))
			remove_if_abandoned(dirfd(directory), entry->d_name);
}

/* A rename would replace a link by a file, and fail on a directory only once it is too late. */
static int check_target(const char *path, struct report *report)
{
	struct stat status;

	if (lstat(path, &status) < 0)
		return errno == ENOENT ? 0 : report_errno(report, errno, "cannot write '%s'", path);
	if (S_ISREG(status.st_mode))
		return 0;
	return report_error(report, REPORT_FAILED, S_ISDIR(status.st_mode) ? EISDIR : ELOOP,
			    "move it away, or use another path",
			    "cannot write '%s': it is not a regular file", path);
}

static int draft_path(const char *parent, const char *name, char **out)
{
	char mark[sizeof(DRAFT_MARK) + DRAFT_DIGITS];
	_cleanup_free_ char *head = NULL;
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -EIO;
	snprintf(mark, sizeof(mark), DRAFT_MARK "%016" PRIx64, random);
	head = join(parent, "/.", name);
	*out = head ? join(head, mark, "") : NULL;
	return *out ? 0 : -ENOMEM;
}

/* Makes a locked, empty draft. Sets temporary and fd on success. */
static int create_draft(struct file_draft *draft, const char *parent, const char *name)
{
	for (;;) {
		_cleanup_free_ char *path = NULL;
		_cleanup_close_ int fd = -1;
		struct stat status;
		int r = draft_path(parent, name, &path);

		if (r < 0)
			return r;
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0 && errno == EEXIST)
			continue;
		if (fd < 0)
			return -errno;
		/* A file system without locks has no cleaner either. */
		while (flock(fd, LOCK_EX) < 0 && errno == EINTR)
			;
		/* Another writer's cleaning may have come before our lock. */
		if (fstat(fd, &status) == 0 && status.st_nlink == 0)
			continue;
		draft->temporary = TAKE_PTR(path);
		draft->fd = TAKE_FD(fd);
		return 0;
	}
}

static int write_fully(int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t r = write(fd, data, length);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		data += r;
		length -= (size_t)r;
	}
	return 0;
}

/* The mode is set before the content, so that no moment shows more than it allows. */
static int fill_draft(int fd, const void *data, size_t length, mode_t mode)
{
	int r;

	if (fchmod(fd, mode) < 0)
		return -errno;
	r = write_fully(fd, data, length);
	if (r < 0)
		return r;
	return fsync(fd) < 0 ? -errno : 0;
}

int file_draft_write(struct file_draft *draft, const char *path, const void *data, size_t length,
		     mode_t mode, struct report *report)
{
	_cleanup_(file_draft_discard) struct file_draft made = {0};
	_cleanup_free_ char *parent = parent_of(path);
	int r;

	made.path = strdup(path);
	if (!parent || !made.path)
		return report_no_memory(report);
	r = check_target(path, report);
	if (r < 0)
		return r;
	remove_abandoned_drafts(parent, name_of(path));
	r = create_draft(&made, parent, name_of(path));
	if (r == 0)
		r = fill_draft(made.fd, data, length, mode);
	if (r < 0)
		return report_errno(report, -r, "cannot write '%s'", path);
	*draft = made;
	made = (struct file_draft){0};
	return 0;
}

static int sync_directory(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* Some file systems know no fsync() of a directory. */
	return fd < 0 || (fsync(fd) < 0 && errno != EINVAL) ? -errno : 0;
}

/*
 * Gives the target's content a second name. A link and a rename leave the
 * target in place throughout; where there are no links, the target is missing
 * until the draft is renamed, which readers of `keep` must expect.
 */
static int keep_target(const struct file_draft *draft, const char *keep)
{
	_cleanup_free_ char *linked = join(draft->temporary, KEEP_SUFFIX, "");

	if (!linked)
		return -ENOMEM;
	if (link(draft->path, linked) == 0) {
		int r = rename(linked, keep) < 0 ? -errno : 0;

		/* Two names of one file: rename() does nothing, and leaves both. */
		unlink(linked);
		return r;
	}
	if (errno == ENOENT)
		return 0;
	return rename(draft->path, keep) < 0 ? -errno : 0;
}

int file_draft_commit(struct file_draft *draft, const char *keep, struct report *report)
{
	_cleanup_free_ char *parent = parent_of(draft->path);
	_cleanup_free_ char *path = NULL;
	int r;

	if (!parent)
		return report_no_memory(report);
	r = keep ? keep_target(draft, keep) : 0;
	if (r < 0)
		return report_errno(report, -r, "cannot keep '%s' as '%s'", draft->path, keep);
	if (rename(draft->temporary, draft->path) < 0)
		return report_errno(report, errno, "cannot write '%s'", draft->path);
	path = TAKE_PTR(draft->path);
	free(draft->temporary);
	close(draft->fd);
	*draft = (struct file_draft){0};
	r = sync_directory(parent);
	return r < 0 ? report_errno(report, -r, "cannot sync the directory of '%s'", path) : 0;
}

void file_draft_discard(struct file_draft *draft)
{
	if (draft->temporary) {
		unlink(draft->temporary);
		close(draft->fd);
	}
	free(draft->temporary);
	free(draft->path);
	*draft = (struct file_draft){0};
}

/* ---- Directories ---- */

/* Makes one directory; one that is there already keeps its mode. */
static int make_directory(const char *path, mode_t mode)
{
	_cleanup_free_ char *parent = parent_of(path);
	struct stat status;

	if (!parent)
		return -ENOMEM;
	if (mkdir(path, mode) < 0) {
		int r = -errno;

		if (stat(path, &status) < 0)
			return r;
		return S_ISDIR(status.st_mode) ? 0 : -ENOTDIR;
	}
	/* The umask had its say. */
	if (chmod(path, mode) < 0)
		return -errno;
	return sync_directory(parent);
}

int file_make_directories(const char *path, mode_t mode, struct report *report)
{
	_cleanup_free_ char *partial = strdup(path);
	char *end = partial;

	if (!partial)
		return report_no_memory(report);
	while (*end) {
		char after;
		int r;

		end += strspn(end, "/");
		end += strcspn(end, "/");
		after = *end;
		*end = '\0';
		r = make_directory(partial, mode);
		if (r < 0)
			return report_errno(report, -r, "cannot make the directory '%s'", partial);
		*end = after;
	}
	return 0;
}
