// SPDX-License-Identifier: Apache-2.0
#include "agent/gate/link_pins.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/base/cleanup.h"
#include "agent/base/file.h"

#define PIN_NEW_SUFFIX "-new"

/* The pins, in the order in which they are made: with the last one the link is complete. */
enum pin { PIN_CONFIG, PIN_CPUS, PIN_EXPLANATION, PIN_PROBE, PIN_PROGRAM, PIN_LINK, PINS };

static const char *const pin_names[PINS] = {"config", "cpus",	 "explanation",
					    "probe",  "program", "link"};

static int *pin_fd(struct link_programs *programs, enum pin pin)
{
	int *const fds[PINS] = {&programs->config, &programs->cpus,    &programs->explanation,
				&programs->probe,  &programs->program, NULL};

	return fds[pin];
}

/* "eth0.5" becomes "eth0%2E5"; '%' itself "%25". */
static void encode_device(const char *device, char out[3 * IF_NAMESIZE])
{
	for (; *device; device++) {
		if (*device == '.' || *device == '%')
			out += sprintf(out, "%%%02X", (unsigned char)*device);
		else
			*out++ = *device;
	}
	*out = '\0';
}

static int decode_device(const char *name, char out[IF_NAMESIZE])
{
	size_t length = 0;
	unsigned int byte;

	for (; *name; length++) {
		if (length == IF_NAMESIZE - 1)
			return -EINVAL;
		byte = (unsigned char)*name++;
		if (byte == '%') {
			if (sscanf(name, "%2X", &byte) != 1 || !name[0] || !name[1])
				return -EINVAL;
			name += 2;
		}
		out[length] = (char)byte;
	}
	out[length] = '\0';
	return length ? 0 : -EINVAL;
}

static char *link_directory(const struct kernel *kernel, const char *device)
{
	char name[3 * IF_NAMESIZE];

	encode_device(device, name);
	return kernel_path(kernel->pin_dir, "links", name);
}

int link_pins_clear(const struct kernel *kernel, const char *device, struct report *report)
{
	_cleanup_free_ char *directory = link_directory(kernel, device);
	int i;

	if (!directory)
		return report_errno(report, ENOMEM, "cannot use the pins of %s", device);
	/* The link first: what is without it does not count as a link. */
	for (i = PINS - 1; i >= 0; i--) {
		_cleanup_free_ char *path = kernel_path(directory, pin_names[i], NULL);
		_cleanup_free_ char *draft = NULL;

		if (!path || asprintf(&draft, "%s" PIN_NEW_SUFFIX, path) < 0)
			return report_errno(report, ENOMEM, "cannot use the pins of %s", device);
		unlink(draft);
		if (unlink(path) < 0 && errno != ENOENT)
			return report_errno(report, errno, "cannot remove %s", path);
	}
	if (rmdir(directory) < 0 && errno != ENOENT)
		return report_errno(report, errno, "cannot remove %s", directory);
	return 0;
}

static int pin(int fd, const char *directory, const char *name)
{
	_cleanup_free_ char *path = kernel_path(directory, name, NULL);
	_cleanup_free_ char *draft = NULL;
	int r;

	if (!path || asprintf(&draft, "%s" PIN_NEW_SUFFIX, path) < 0)
		return -ENOMEM;
	unlink(draft);
	r = bpf_obj_pin(fd, draft);
	if (r < 0)
		return r;
	return rename(draft, path) < 0 ? -errno : 0;
}

int link_pins_write(const struct kernel *kernel, const char *device,
		    const struct link_programs *programs, int link, struct report *report)
{
	_cleanup_free_ char *directory = link_directory(kernel, device);
	struct link_programs fds = *programs;
	int i, fd, r;

	if (!directory)
		return report_errno(report, ENOMEM, "cannot pin the link on %s", device);
	r = file_make_directories(directory, 0700, report);
	for (i = 0; r == 0 && i < PINS; i++) {
		fd = i == PIN_LINK ? link : *pin_fd(&fds, i);
		if (fd < 0)
			continue;
		r = pin(fd, directory, pin_names[i]);
		if (r < 0)
			return report_errno(report, -r, "cannot pin %s/%s", directory,
					    pin_names[i]);
	}
	return r;
}

int link_open(const struct kernel *kernel, const char *device, struct link_programs *programs,
	      int *link, struct report *report)
{
	_cleanup_free_ char *directory = link_directory(kernel, device);
	_cleanup_close_ int link_fd = -1;
	struct link_programs fds = LINK_PROGRAMS_NONE;
	int i, *fd;

	if (!directory)
		return report_errno(report, ENOMEM, "cannot open the link on %s", device);
	for (i = PINS - 1; i >= 0; i--) {
		_cleanup_free_ char *path = kernel_path(directory, pin_names[i], NULL);

		fd = i == PIN_LINK ? &link_fd : pin_fd(&fds, i);
		*fd = path ? bpf_obj_get(path) : -ENOMEM;
		if (*fd == -ENOENT && i == PIN_LINK)
			return -ENOENT;
		if (*fd < 0) {
			link_programs_close(&fds);
			return report_errno(report, -*fd, "cannot open %s/%s", directory,
					    pin_names[i]);
		}
	}
	*programs = fds;
	if (link)
		*link = TAKE_FD(link_fd);
	return 0;
}

int link_remove(const struct kernel *kernel, const char *device, struct report *report)
{
	struct link_programs programs = LINK_PROGRAMS_NONE;
	_cleanup_close_ int link = -1;
	int r;

	r = link_open(kernel, device, &programs, &link, report);
	link_programs_close(&programs);
	if (r < 0 && r != -ENOENT)
		return r;
	/* Detached at once, even if somebody else holds the link open. */
	if (link >= 0)
		bpf_link_detach(link);
	return link_pins_clear(kernel, device, report);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

int link_list(const struct kernel *kernel, char (**out)[IF_NAMESIZE], size_t *count,
	      struct report *report)
{
	_cleanup_free_ char *directory = kernel_path(kernel->pin_dir, "links", NULL);
	_cleanup_free_ char(*names)[IF_NAMESIZE] = NULL;
	char(*grown)[IF_NAMESIZE];
	struct dirent *entry;
	size_t n = 0;
	DIR *dir;

	dir = directory ? opendir(directory) : NULL;
	if (!dir && errno != ENOENT)
		return report_errno(report, errno, "cannot read %s/links", kernel->pin_dir);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		grown = realloc(names, (n + 1) * sizeof(*names));
		if (!grown) {
			closedir(dir);
			return report_errno(report, ENOMEM, "cannot list the links");
		}
		names = grown;
		n += decode_device(entry->d_name, names[n]) == 0;
	}
	if (dir)
		closedir(dir);
	if (n)
		qsort(names, n, sizeof(*names), compare_names);
	*out = TAKE_PTR(names);
	*count = n;
	return 0;
}
