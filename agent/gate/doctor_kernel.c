// SPDX-License-Identifier: Apache-2.0
/* Can this kernel run the gate, and may we load it? */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statfs.h>

#include "agent/gate/doctor_internal.h"

#define LOWEST_KERNEL KERNEL_VERSION(5, 10, 0)
#define FRAGS_KERNEL KERNEL_VERSION(5, 18, 0)
/* From here on BPF memory is charged to the control group, not to the limit. */
#define CGROUP_KERNEL KERNEL_VERSION(5, 11, 0)

static void check_version(struct doctor *doctor)
{
	if (doctor->kernel < LOWEST_KERNEL) {
		doctor_add(doctor, DOCTOR_FAIL, "kernel", NULL,
			   "Linux %u.%u is too old: the gate needs 5.10 or newer",
			   DOCTOR_VERSION_ARGS(doctor->kernel));
		doctor_hint(doctor, "boot a newer kernel");
	} else if (doctor->kernel < FRAGS_KERNEL) {
		doctor_add(doctor, DOCTOR_OK, "kernel", NULL,
			   "Linux %u.%u; frames of several buffers need 5.18: mind the MTU",
			   DOCTOR_VERSION_ARGS(doctor->kernel));
	} else {
		doctor_add(doctor, DOCTOR_OK, "kernel", NULL,
			   "Linux %u.%u, which can filter frames of several buffers",
			   DOCTOR_VERSION_ARGS(doctor->kernel));
	}
}

static void check_btf(struct doctor *doctor)
{
	if (!access("/sys/kernel/btf/vmlinux", R_OK)) {
		doctor_add(doctor, DOCTOR_OK, "btf", NULL, "the kernel describes its types (BTF)");
		return;
	}
	doctor_add(doctor, DOCTOR_WARN, "btf", NULL,
		   "the kernel does not describe its types (BTF): the gate works, other BPF tools "
		   "may not");
	doctor_hint(doctor, "use a kernel with CONFIG_DEBUG_INFO_BTF=y");
}

/* ---- what the kernel can do, by trying ---- */

static int load_nothing(void)
{
	const struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "apimgate_doctor", "Apache-2.0", pass,
			     ARRAY_SIZE(pass), NULL);
}

static bool can_inner_maps(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_INNER_MAP);
	_cleanup_close_ int fd =
		bpf_map_create(BPF_MAP_TYPE_ARRAY, NULL, sizeof(__u32), 8, 1, &options);

	return fd >= 0;
}

static void check_features(struct doctor *doctor)
{
	if (!can_inner_maps()) {
		doctor_add(doctor, DOCTOR_FAIL, "bpf", NULL,
			   "the kernel cannot exchange maps of different sizes (BPF_F_INNER_MAP)");
		doctor_hint(doctor, "boot Linux 5.10 or newer");
	} else if (libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, NULL) != 1) {
		doctor_add(doctor, DOCTOR_FAIL, "bpf", NULL, "the kernel has no BPF ring buffer");
		doctor_hint(doctor, "boot Linux 5.10 or newer");
	} else {
		doctor_add(doctor, DOCTOR_OK, "bpf", NULL,
			   "XDP programs, exchangeable maps and ring buffers can be loaded");
	}
}

static void say_not_loaded(struct doctor *doctor, int code)
{
	doctor_add(doctor, DOCTOR_FAIL, "bpf", NULL, "no XDP program can be loaded: %s",
		   strerrordesc_np(code));
	if (code == EPERM || code == EACCES)
		doctor_hint(doctor, "run as root; a container needs CAP_BPF, CAP_PERFMON and "
				    "CAP_NET_ADMIN of the "
				    "host, and no seccomp filter on bpf()");
	else
		doctor_hint(doctor, "boot a kernel with CONFIG_BPF_SYSCALL=y");
}

static void say_jit(struct doctor *doctor, bool is_on)
{
	if (is_on) {
		doctor_add(doctor, DOCTOR_OK, "jit", NULL, "programs are compiled to machine code");
		return;
	}
	doctor_add(doctor, DOCTOR_WARN, "jit", NULL,
		   "programs are interpreted: the gate works, at several times the cost");
	doctor_hint(doctor,
		    "`sysctl -w net.core.bpf_jit_enable=1` (in the host's network namespace)");
}

/*
 * A program that is loaded tells whether it was compiled. The switch in /proc
 * is not to be seen in every network namespace, and is asked only where
 * nothing can be loaded.
 */
static void check_jit(struct doctor *doctor, int program)
{
	struct bpf_prog_info info = {0};
	uint32_t length = sizeof(info);
	char value[16];

	if (program >= 0 && !bpf_obj_get_info_by_fd(program, &info, &length))
		say_jit(doctor, info.jited_prog_len > 0);
	else if (doctor_read_line("/proc/sys/net/core/bpf_jit_enable", value, sizeof(value)))
		say_jit(doctor, strcmp(value, "0") != 0);
}

static void check_bpf(struct doctor *doctor)
{
	_cleanup_close_ int program = load_nothing();

	if (program < 0)
		say_not_loaded(doctor, errno);
	else
		check_features(doctor);
	check_jit(doctor, program);
}

/* ---- what we may do ---- */

static uint64_t effective_capabilities(void)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/status", "re");
	unsigned long long value = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "CapEff: %llx", &value) == 1)
			break;
	return value;
}

static bool has(uint64_t capabilities, int capability)
{
	return capabilities >> capability & 1;
}

/*
 * CAP_PERFMON is what lets a program compute with pointers into packets and
 * maps: without it the verifier refuses the gate, whatever else is granted.
 */
static void check_capabilities(struct doctor *doctor, uint64_t capabilities)
{
	static const struct {
		int number;
		const char *name;
	} needed[] = {{CAP_BPF, "CAP_BPF"},
		      {CAP_PERFMON, "CAP_PERFMON"},
		      {CAP_NET_ADMIN, "CAP_NET_ADMIN"}};
	char missing[64] = "";
	size_t i, length = 0;

	for (i = 0; i < ARRAY_SIZE(needed); i++)
		if (!has(capabilities, needed[i].number))
			length += (size_t)snprintf(missing + length, sizeof(missing) - length,
						   "%s%s", length ? ", " : "", needed[i].name);
	if (!length || has(capabilities, CAP_SYS_ADMIN)) {
		doctor_add(doctor, DOCTOR_OK, "capabilities", NULL, "%s",
			   length ? "CAP_SYS_ADMIN" : "CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN");
		return;
	}
	doctor_add(doctor, DOCTOR_FAIL, "capabilities", NULL, "missing: %s", missing);
	doctor_hint(doctor, "run as root, or with these capabilities");
}

static void check_memlock(struct doctor *doctor, uint64_t capabilities)
{
	struct rlimit limit;

	if (doctor->kernel >= CGROUP_KERNEL || getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
		return;
	if (limit.rlim_cur == RLIM_INFINITY || has(capabilities, CAP_SYS_RESOURCE)) {
		doctor_add(doctor, DOCTOR_OK, "memlock", NULL, "locked memory is not limited");
		return;
	}
	doctor_add(doctor, DOCTOR_WARN, "memlock", NULL,
		   "locked memory is limited to %llu KiB, and before Linux 5.11 maps count",
		   (unsigned long long)limit.rlim_cur >> 10);
	doctor_hint(doctor, "LimitMEMLOCK=infinity in the unit, or `ulimit -l unlimited`");
}

static void check_lockdown(struct doctor *doctor)
{
	char line[128];

	if (!doctor_read_line("/sys/kernel/security/lockdown", line, sizeof(line)) ||
	    strstr(line, "[none]")) {
		doctor_add(doctor, DOCTOR_OK, "lockdown", NULL, "the kernel is not locked down");
		return;
	}
	doctor_add(doctor, DOCTOR_OK, "lockdown", NULL,
		   "the kernel is locked down (%s), which leaves XDP as it is",
		   strstr(line, "[confidentiality]") ? "confidentiality" : "integrity");
}

/* ---- the BPF file system ---- */

/* The file system of the path, or of the nearest directory above that exists. */
static int find_file_system(const char *path, char found[PATH_MAX], struct statfs *out)
{
	size_t length = strnlen(path, PATH_MAX);

	if (length >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(found, path, length + 1);
	while (statfs(found, out) < 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			return -errno;
		while (length && found[length - 1] != '/')
			length--;
		while (length > 1 && found[length - 1] == '/')
			length--;
		if (!length)
			return -ENOENT;
		found[length] = '\0';
	}
	return 0;
}

static void check_bpffs(struct doctor *doctor)
{
	const char *pin_dir = doctor->options->pin_dir;
	char found[PATH_MAX];
	struct statfs status;
	int r;

	r = find_file_system(pin_dir, found, &status);
	if (r < 0) {
		doctor_add(doctor, DOCTOR_FAIL, "bpffs", NULL, "%s cannot be looked at: %s",
			   pin_dir, strerrordesc_np(-r));
		doctor_hint(doctor, "`mount -t bpf bpf /sys/fs/bpf`, and --pin-dir below it");
	} else if (status.f_type != BPF_FS_MAGIC) {
		doctor_add(doctor, DOCTOR_FAIL, "bpffs", NULL, "%s is not on a BPF file system",
			   pin_dir);
		doctor_hint(doctor, strncmp(pin_dir, "/sys/fs/bpf", 11)
					    ? "choose a --pin-dir below /sys/fs/bpf"
					    : "`mount -t bpf bpf /sys/fs/bpf`");
	} else if (access(found, W_OK) < 0) {
		doctor_add(doctor, DOCTOR_FAIL, "bpffs", NULL, "%s cannot be written to: %s", found,
			   strerrordesc_np(errno));
		doctor_hint(doctor, "run as root; in a container, mount it read-write");
	} else {
		doctor_add(doctor, DOCTOR_OK, "bpffs", NULL, "%s is on a BPF file system", pin_dir);
	}
}

void doctor_check_kernel(struct doctor *doctor)
{
	uint64_t capabilities = effective_capabilities();

	check_version(doctor);
	check_btf(doctor);
	check_capabilities(doctor, capabilities);
	check_bpf(doctor);
	check_memlock(doctor, capabilities);
	check_lockdown(doctor);
	check_bpffs(doctor);
}
