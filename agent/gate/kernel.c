// SPDX-License-Identifier: Apache-2.0
#include "agent/gate/kernel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "agent/base/cleanup.h"
#include "agent/base/file.h"
#include "agent/gate/loader.h"

/* Hit counters: a shard a CPU up to this many; with more CPUs, some share one. */
#define MAX_SHARDS 16U

char *kernel_path(const char *pin_dir, const char *a, const char *b)
{
	char *path = NULL;
	int r;

	r = b ? asprintf(&path, "%s/%s/%s", pin_dir, a, b) : asprintf(&path, "%s/%s", pin_dir, a);
	return r < 0 ? NULL : path;
}

static struct kernel *kernel_new(const char *pin_dir)
{
	struct kernel *kernel = calloc(1, sizeof(*kernel));

	if (!kernel)
		return NULL;
	kernel->heads = kernel->pages = kernel->hits = kernel->events = kernel->meta = -1;
	kernel->pin_dir = strdup(pin_dir);
	if (kernel->pin_dir)
		return kernel;
	free(kernel);
	return NULL;
}

void kernel_free(struct kernel *kernel)
{
	if (!kernel)
		return;
	cleanup_close(&kernel->heads);
	cleanup_close(&kernel->pages);
	cleanup_close(&kernel->hits);
	cleanup_close(&kernel->events);
	cleanup_close(&kernel->meta);
	free(kernel->pin_dir);
	free(kernel);
}

void kernel_freep(struct kernel **kernel)
{
	kernel_free(*kernel);
}

/* The shared maps, their pins, and where their descriptors go. */
struct shared_map {
	const char *name;
	int *fd;
};

#define SHARED_MAPS 5

static void list_shared(struct kernel *k, struct shared_map out[SHARED_MAPS])
{
	/* meta is the last: with it the gate counts as pinned. */
	out[0] = (struct shared_map){"heads", &k->heads};
	out[1] = (struct shared_map){"pages", &k->pages};
	out[2] = (struct shared_map){"hits", &k->hits};
	out[3] = (struct shared_map){"events", &k->events};
	out[4] = (struct shared_map){"meta", &k->meta};
}

static int check_layout(const struct kernel *kernel, struct report *report)
{
	if (kernel->info.magic != GATE_MAGIC)
		return report_error(report, REPORT_FAILED, EPROTO,
				    "name another directory with --pin-dir",
				    "what is pinned in %s is not an apimgate", kernel->pin_dir);
	if (kernel->info.layout != GATE_LAYOUT)
		return report_error(
			report, REPORT_FAILED, EPROTO,
			"use the apimgate that loaded it; or let go of it and load the saved state "
			"('rm -r' on that directory, then 'apimgate restore'): unfiltered in "
			"between",
			"the gate pinned in %s has layout %u, and this apimgate knows layout %d "
			"only",
			kernel->pin_dir, kernel->info.layout, GATE_LAYOUT);
	return 0;
}

int kernel_open(const char *pin_dir, struct kernel **out, struct report *report)
{
	_cleanup_(kernel_freep) struct kernel *kernel = kernel_new(pin_dir);
	struct shared_map maps[SHARED_MAPS];
	uint32_t zero = 0;
	int i, r;

	if (!kernel)
		return report_errno(report, ENOMEM, "cannot open the gate");
	list_shared(kernel, maps);
	for (i = SHARED_MAPS - 1; i >= 0; i--) {
		_cleanup_free_ char *path = kernel_path(pin_dir, maps[i].name, NULL);

		*maps[i].fd = path ? bpf_obj_get(path) : -ENOMEM;
		if (*maps[i].fd == -ENOENT && i == SHARED_MAPS - 1)
			return -ENOENT;
		if (*maps[i].fd < 0)
			return report_errno(report, -*maps[i].fd, "cannot open %s/%s", pin_dir,
					    maps[i].name);
		if (i < SHARED_MAPS - 1)
			continue;
		r = bpf_map_lookup_elem(kernel->meta, &zero, &kernel->info);
		if (r < 0)
			return report_errno(report, -r, "cannot read %s/meta", pin_dir);
		r = check_layout(kernel, report);
		if (r < 0)
			return r;
	}
	*out = TAKE_PTR(kernel);
	return 0;
}

/*
 * `ip netns exec` and many sandboxes have mounts of their own: what is pinned
 * there is gone with the last process of theirs, and the gate with it.
 */
static void warn_of_private_mount(const char *pin_dir, struct report *report)
{
	_cleanup_free_ char *real = realpath(pin_dir, NULL);
	_cleanup_free_ char *of_init = NULL;
	struct stat here, there;

	if (!real || asprintf(&of_init, "/proc/1/root%s", real) < 0 || stat(real, &here) < 0)
		return;
	if (stat(of_init, &there) == 0 ? there.st_dev != here.st_dev : errno == ENOENT)
		report_warn(report,
			    "%s is mounted for this process and its kind only (as in 'ip netns "
			    "exec'): the gate goes when they end; 'nsenter --net=/run/netns/NAME' "
			    "keeps the host's mounts",
			    pin_dir);
}

int kernel_make_pin_dir(const char *pin_dir, struct report *report)
{
	_cleanup_free_ char *parent = strdup(pin_dir);
	struct statfs fs;
	char *slash;
	int r;

	if (!parent)
		return report_errno(report, ENOMEM, "cannot make %s", pin_dir);
	/* The nearest directory that exists tells the file system that it would be on. */
	while (statfs(parent, &fs) < 0) {
		if (errno != ENOENT)
			return report_errno(report, errno, "cannot use %s", parent);
		slash = strrchr(parent, '/');
		if (!slash || slash == parent)
			break;
		*slash = '\0';
	}
	if (fs.f_type != BPF_FS_MAGIC)
		return report_error(
			report, REPORT_FAILED, ENOTSUP,
			"mount one: 'mount -t bpf bpf /sys/fs/bpf'; not in 'ip netns "
			"exec', which hides the host's: use 'nsenter --net=/run/netns/NAME'",
			"%s is not on a BPF file system", pin_dir);
	r = file_make_directories(pin_dir, 0700, report);
	if (r == 0)
		warn_of_private_mount(pin_dir, report);
	return r;
}

/* Removes what a killed kernel_create() left behind. */
static void unpin_shared(const struct kernel *kernel, const struct shared_map maps[SHARED_MAPS])
{
	int i;

	for (i = 0; i < SHARED_MAPS; i++) {
		_cleanup_free_ char *path = kernel_path(kernel->pin_dir, maps[i].name, NULL);

		if (path)
			unlink(path);
	}
}

static uint32_t shards_for(uint32_t cpus)
{
	uint32_t shards = 1;

	while (shards < cpus && shards < MAX_SHARDS)
		shards *= 2;
	return shards;
}

static int fill_meta(struct kernel *kernel, struct report *report)
{
	int cpus = libbpf_num_possible_cpus();

	if (cpus < 0)
		return report_errno(report, -cpus, "cannot count the CPUs");
	kernel->info.magic = GATE_MAGIC;
	kernel->info.layout = GATE_LAYOUT;
	kernel->info.shards = shards_for((uint32_t)cpus);
	snprintf(kernel->info.build, sizeof(kernel->info.build), "%s", kernel_build());
	return 0;
}

int kernel_create(const char *pin_dir, struct kernel **out, struct report *report)
{
	_cleanup_(kernel_freep) struct kernel *kernel = kernel_new(pin_dir);
	struct shared_map maps[SHARED_MAPS];
	uint32_t zero = 0;
	int i, r;

	if (!kernel)
		return report_errno(report, ENOMEM, "cannot load the gate");
	list_shared(kernel, maps);
	unpin_shared(kernel, maps);
	r = fill_meta(kernel, report);
	if (r == 0)
		r = loader_shared(kernel->info.shards, &kernel->heads, &kernel->pages,
				  &kernel->hits, &kernel->events, &kernel->meta, report);
	if (r < 0)
		return r;
	r = bpf_map_update_elem(kernel->meta, &zero, &kernel->info, BPF_ANY);
	if (r < 0)
		return report_errno(report, -r, "cannot write the gate's layout");
	for (i = 0; i < SHARED_MAPS; i++) {
		_cleanup_free_ char *path = kernel_path(pin_dir, maps[i].name, NULL);

		r = path ? bpf_obj_pin(*maps[i].fd, path) : -ENOMEM;
		if (r < 0)
			return report_errno(report, -r, "cannot pin %s/%s", pin_dir, maps[i].name);
	}
	*out = TAKE_PTR(kernel);
	return 0;
}
