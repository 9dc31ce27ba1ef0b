// SPDX-License-Identifier: Apache-2.0
#include "agent/gate/loader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>

#include "agent/base/cleanup.h"
#include "gate.build.h" /* GATE_BUILD: the first digits of the object's SHA-256 */
#include "gate.skel.h"

/* Not in Debian 12's linux/bpf.h of every architecture; since Linux 5.18. */
#ifndef BPF_F_XDP_HAS_FRAGS
#define BPF_F_XDP_HAS_FRAGS (1U << 5)
#endif

/* Enough for the end of the verifier's log, where it says what it refused. */
#define VERIFIER_LOG_SIZE (1U << 16)

static void destroy_skeleton(struct gate_bpf **skeleton)
{
	gate_bpf__destroy(*skeleton);
}

const char *kernel_build(void)
{
	return GATE_BUILD;
}

static int quiet(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

static int open_skeleton(struct gate_bpf **out, struct report *report)
{
	libbpf_set_print(quiet);
	*out = gate_bpf__open();
	if (!*out)
		return report_errno(report, errno, "cannot open the BPF object");
	return 0;
}

static int explain_load(int r, struct report *report)
{
	struct utsname name;

	if (r == -EPERM || r == -EACCES)
		return report_errno(report, -r, "cannot load the BPF program");
	if (uname(&name) < 0)
		name.release[0] = '\0';
	return report_error(report, REPORT_FAILED, -r,
			    "Linux 5.10 or newer is needed; 'apimgate doctor' says what is missing",
			    "Linux %s does not take the gate's program or maps: %s", name.release,
			    strerror(-r));
}

/* A descriptor that outlives the skeleton. */
static int keep(const struct bpf_map *map)
{
	int fd = fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

int loader_shared(uint32_t shards, int *heads, int *pages, int *hits, int *events, int *meta,
		  struct report *report)
{
	_cleanup_(destroy_skeleton) struct gate_bpf *skeleton = NULL;
	int r;

	r = open_skeleton(&skeleton, report);
	if (r < 0)
		return r;
	bpf_program__set_autoload(skeleton->progs.apimgate, false);
	r = bpf_map__set_max_entries(skeleton->maps.gate_hits, shards * GATE_HITS_CHUNKS);
	if (r == 0)
		r = gate_bpf__load(skeleton);
	if (r < 0)
		return explain_load(r, report);
	*heads = keep(skeleton->maps.gate_heads);
	*pages = keep(skeleton->maps.gate_pages);
	*hits = keep(skeleton->maps.gate_hits);
	*events = keep(skeleton->maps.gate_events);
	*meta = keep(skeleton->maps.gate_meta);
	if (*heads < 0 || *pages < 0 || *hits < 0 || *events < 0 || *meta < 0)
		return report_errno(report, EMFILE, "cannot keep the gate's maps open");
	return 0;
}

/* Uses the gate's maps, and those of the link that there are, instead of new ones. */
static int reuse_maps(struct gate_bpf *skeleton, const struct kernel *kernel,
		      const struct link_programs *own)
{
	const struct {
		struct bpf_map *map;
		int fd;
	} maps[] = {
		{skeleton->maps.gate_heads, kernel->heads},
		{skeleton->maps.gate_pages, kernel->pages},
		{skeleton->maps.gate_hits, kernel->hits},
		{skeleton->maps.gate_events, kernel->events},
		{skeleton->maps.gate_meta, kernel->meta},
		{skeleton->maps.gate_cpus, own->cpus},
		{skeleton->maps.data_link, own->config},
		{skeleton->maps.data_probe, own->explanation},
	};
	size_t i;
	int r;

	for (i = 0; i < ARRAY_SIZE(maps); i++) {
		if (maps[i].fd < 0)
			continue;
		r = bpf_map__reuse_fd(maps[i].map, maps[i].fd);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * A frame that is larger than a page comes in several buffers since Linux
 * 5.18, to programs that say they can take it. Before, drivers refuse such a
 * program's MTU, and the helper does not exist.
 */
static void use_frags(struct gate_bpf *skeleton)
{
	int has = libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, BPF_FUNC_xdp_get_buff_len, NULL);

	if (has <= 0)
		return;
	skeleton->rodata->has_frags = 1;
	bpf_program__set_flags(skeleton->progs.apimgate,
			       bpf_program__flags(skeleton->progs.apimgate) | BPF_F_XDP_HAS_FRAGS);
}

static int prepare(struct gate_bpf *skeleton, const struct kernel *kernel, bool probe,
		   const struct link_programs *own, struct report *report)
{
	int cpus = libbpf_num_possible_cpus();
	int r;

	if (cpus < 0)
		return report_errno(report, -cpus, "cannot count the CPUs");
	r = bpf_map__set_max_entries(skeleton->maps.gate_cpus, (uint32_t)cpus);
	if (r == 0)
		r = reuse_maps(skeleton, kernel, own);
	if (r < 0)
		return report_errno(report, -r, "cannot use the gate's maps");
	skeleton->rodata->is_probe = probe;
	skeleton->rodata->shard_mask = kernel->info.shards - 1;
	skeleton->rodata->shards_are_shared = kernel->info.shards < (uint32_t)cpus;
	use_frags(skeleton);
	return 0;
}

int loader_program(const struct kernel *kernel, bool probe, struct link_programs *programs,
		   struct report *report)
{
	_cleanup_(destroy_skeleton) struct gate_bpf *skeleton = NULL;
	int *target = probe ? &programs->probe : &programs->program;
	int r;

	r = open_skeleton(&skeleton, report);
	if (r < 0)
		return r;
	r = prepare(skeleton, kernel, probe, programs, report);
	if (r < 0)
		return r;
	r = gate_bpf__load(skeleton);
	if (r < 0)
		return explain_load(r, report);

	*target = fcntl(bpf_program__fd(skeleton->progs.apimgate), F_DUPFD_CLOEXEC, 0);
	if (programs->cpus < 0)
		programs->cpus = keep(skeleton->maps.gate_cpus);
	if (programs->config < 0)
		programs->config = keep(skeleton->maps.data_link);
	if (programs->explanation < 0)
		programs->explanation = keep(skeleton->maps.data_probe);
	if (*target < 0 || programs->cpus < 0 || programs->config < 0 || programs->explanation < 0)
		return report_errno(report, EMFILE, "cannot keep the gate's program open");
	return 0;
}
