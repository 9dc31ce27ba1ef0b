// SPDX-License-Identifier: Apache-2.0
#include "agent/gate/link.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "agent/base/cleanup.h"
#include "agent/base/file.h"
#include "agent/gate/link_pins.h"
#include "agent/gate/loader.h"

void link_programs_close(struct link_programs *programs)
{
	cleanup_close(&programs->program);
	cleanup_close(&programs->probe);
	cleanup_close(&programs->config);
	cleanup_close(&programs->cpus);
	cleanup_close(&programs->explanation);
	*programs = LINK_PROGRAMS_NONE;
}

int link_load(struct kernel *kernel, struct link_programs *programs, struct report *report)
{
	int r;

	r = loader_program(kernel, false, programs, report);
	return r < 0 ? r : loader_program(kernel, true, programs, report);
}

static const char *mode_name(uint32_t flags)
{
	return flags & XDP_FLAGS_DRV_MODE ? "native" : "generic";
}

/* What a driver's refusal usually means; the kernel gives only a number. */
static const char *attach_hint(int code)
{
	switch (code) {
	case EBUSY:
		return "another XDP program is on the interface: remove it first, with 'bpftool "
		       "link "
		       "detach' or 'ip link set dev NAME xdp off'";
	case EOPNOTSUPP:
		return "its driver has no native XDP: use mode generic or auto";
	case EINVAL:
	case ERANGE:
	case EMSGSIZE:
	case ENOSPC:
	case ENOMEM:
		return "its MTU, LRO, or number of queues does not suit native XDP ('apimgate "
		       "doctor' says which), or use mode generic";
	default:
		return "'apimgate doctor' examines the interface";
	}
}

static int create(int program, uint32_t ifindex, uint32_t flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = flags);

	return bpf_link_create(program, (int)ifindex, BPF_XDP, &options);
}

/* auto: native first; what it refuses for its own reasons is tried generic. */
static int create_link(const char *device, uint32_t ifindex, enum policy_link_mode mode,
		       int program, bool *native, char *fallback, size_t fallback_size,
		       struct report *report)
{
	uint32_t flags = mode == POLICY_MODE_GENERIC ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
	int link = create(program, ifindex, flags);

	fallback[0] = '\0';
	if (link < 0 && mode == POLICY_MODE_AUTO && link != -EBUSY && link != -EPERM) {
		snprintf(fallback, fallback_size, "native XDP was refused (%s): %s",
			 strerror(-link), attach_hint(-link));
		flags = XDP_FLAGS_SKB_MODE;
		link = create(program, ifindex, flags);
	}
	if (link == -EPERM || link == -EACCES)
		return report_errno(report, -link, "cannot attach to %s", device);
	if (link < 0)
		return report_error(report, REPORT_FAILED, -link, attach_hint(-link),
				    "cannot attach to %s in %s mode: %s", device, mode_name(flags),
				    strerror(-link));
	*native = flags == XDP_FLAGS_DRV_MODE;
	return link;
}

int link_attach(struct kernel *kernel, const char *device, uint32_t ifindex,
		enum policy_link_mode mode, const struct link_programs *programs, bool *native,
		char *fallback, size_t fallback_size, struct report *report)
{
	_cleanup_close_ int link = -1;
	int r;

	r = link_pins_clear(kernel, device, report);
	if (r < 0)
		return r;
	link = create_link(device, ifindex, mode, programs->program, native, fallback,
			   fallback_size, report);
	if (link < 0)
		return link;
	/* Until it is pinned the link lives with this process: a kill here detaches it. */
	r = link_pins_write(kernel, device, programs, link, report);
	if (r < 0)
		link_remove(kernel, device, report);
	return r;
}

int link_replace(struct kernel *kernel, const char *device, int link,
		 const struct link_programs *programs, struct report *report)
{
	int r;

	r = bpf_link_update(link, programs->program, NULL);
	if (r < 0)
		return report_errno(report, -r, "cannot replace the program on %s", device);
	return link_pins_write(kernel, device, programs, -1, report);
}

int link_config_read(int config, struct gate_link_config *out, struct report *report)
{
	uint32_t zero = 0;
	int r = bpf_map_lookup_elem(config, &zero, out);

	return r < 0 ? report_errno(report, -r, "cannot read the link's configuration") : 0;
}

/*
 * Through the mapping, field by field: the program never sees half of a
 * number. A deadline is set before enforcing begins, and removed after.
 */
int link_config_write(int config, const struct gate_link_config *value, struct report *report)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct gate_link_config *live;

	live = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, config, 0);
	if (live == MAP_FAILED)
		return report_errno(report, errno, "cannot write the link's configuration");
	if (value->policy == GATE_ENFORCE && value->deadline)
		__atomic_store_n(&live->deadline, value->deadline, __ATOMIC_SEQ_CST);
	__atomic_store_n(&live->policy, value->policy, __ATOMIC_SEQ_CST);
	__atomic_store_n(&live->deadline, value->deadline, __ATOMIC_SEQ_CST);
	live->asked = value->asked;
	memcpy(live->build, value->build, sizeof(live->build));
	munmap(live, page);
	return 0;
}

/* One mapping of all CPUs' counters. */
static int map_cpus(int fd, int protection, struct gate_cpu **out, size_t *length, int *count)
{
	void *view;

	*count = libbpf_num_possible_cpus();
	if (*count < 0)
		return *count;
	*length = (size_t)*count * sizeof(struct gate_cpu);
	view = mmap(NULL, *length, protection, MAP_SHARED, fd, 0);
	if (view == MAP_FAILED)
		return -errno;
	*out = view;
	return 0;
}

void link_add_counts(struct gate_count *sum, const struct gate_count *part, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		sum[i].packets += part[i].packets;
		sum[i].bytes += part[i].bytes;
	}
}

int link_read_cpus(int cpus, struct gate_cpu *out, struct report *report)
{
	struct gate_cpu *all = NULL;
	size_t length = 0;
	int count, i, r;

	r = map_cpus(cpus, PROT_READ, &all, &length, &count);
	if (r < 0 || !all)
		return report_errno(report, -r, "cannot read the link's counters");
	memset(out, 0, sizeof(*out));
	for (i = 0; i < count; i++) {
		link_add_counts(out->reason, all[i].reason, ARRAY_SIZE(out->reason));
		link_add_counts(out->would_drop, all[i].would_drop, ARRAY_SIZE(out->would_drop));
		link_add_counts(out->service_pass, all[i].service_pass,
				ARRAY_SIZE(out->service_pass));
		link_add_counts(out->service_drop, all[i].service_drop,
				ARRAY_SIZE(out->service_drop));
		link_add_counts(out->set, all[i].set, ARRAY_SIZE(out->set));
		out->events_sent += all[i].events_sent;
		out->events_lost += all[i].events_lost;
		out->skipped += all[i].skipped;
	}
	munmap(all, length);
	return 0;
}

int link_zero_cpus(int cpus, uint64_t services, uint64_t sets, struct report *report)
{
	const struct gate_count none = {};
	struct gate_cpu *all = NULL;
	size_t length = 0;
	int count, i, bit, r;

	r = map_cpus(cpus, PROT_READ | PROT_WRITE, &all, &length, &count);
	if (r < 0 || !all)
		return report_errno(report, -r, "cannot reset the link's counters");
	for (i = 0; i < count; i++) {
		for (bit = 0; bit < GATE_MAX_SERVICES; bit++)
			if (services >> bit & 1)
				all[i].service_pass[bit] = all[i].service_drop[bit] = none;
		for (bit = 0; bit < GATE_MAX_SETS; bit++)
			if (sets >> bit & 1)
				all[i].set[bit] = none;
	}
	munmap(all, length);
	return 0;
}

static void fill_program(struct gate_link_info *info, int program)
{
	struct bpf_prog_info details = {};
	uint32_t size = sizeof(details);
	int i;

	if (bpf_obj_get_info_by_fd(program, &details, &size) < 0)
		return;
	info->program_id = details.id;
	for (i = 0; i < BPF_TAG_SIZE; i++)
		snprintf(info->tag + 2 * i, 3, "%02x", details.tag[i]);
}

static void fill_config(struct gate_link_info *info, const struct gate_link_config *config)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	info->asked = config->asked;
	info->enforce = config->policy == GATE_ENFORCE;
	info->deadline = config->deadline;
	info->expired =
		info->enforce && config->deadline &&
		(uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec >= config->deadline;
	info->other_build = strncmp(config->build, kernel_build(), sizeof(config->build)) != 0;
}

/* In what way the program is on the interface, as the kernel says. */
static bool is_native(uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, options);

	return bpf_xdp_query((int)ifindex, 0, &options) == 0 && options.drv_prog_id;
}

int link_inspect(const struct kernel *kernel, const char *device, struct gate_link_info *info,
		 struct report *report)
{
	struct link_programs programs = LINK_PROGRAMS_NONE;
	struct bpf_link_info details = {};
	uint32_t size = sizeof(details);
	struct gate_link_config config;
	_cleanup_close_ int link = -1;
	int r;

	*info = (struct gate_link_info){.state = GATE_LINK_MISSING};
	snprintf(info->device, sizeof(info->device), "%s", device);
	info->ifindex = if_nametoindex(device);
	r = link_open(kernel, device, &programs, &link, report);
	if (r == 0)
		r = link_config_read(programs.config, &config, report);
	if (r == 0) {
		r = bpf_obj_get_info_by_fd(link, &details, &size);
		if (r < 0)
			r = report_errno(report, -r, "cannot inspect the link on %s", device);
	}
	if (r == 0) {
		fill_program(info, programs.program);
		fill_config(info, &config);
		info->link_id = details.id;
		info->attached_to = details.xdp.ifindex;
		info->state = info->attached_to && info->attached_to == info->ifindex
				      ? GATE_LINK_ATTACHED
				      : GATE_LINK_STALE;
		info->native = info->attached_to && is_native(info->attached_to);
	}
	link_programs_close(&programs);
	return r;
}
