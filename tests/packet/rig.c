// SPDX-License-Identifier: Apache-2.0
/* Sets up the gate under test, in namespaces of its own, and removes it. */
#include "tests/packet/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/cleanup.h"

#define SKIPPED 77
#define BPFFS "/sys/fs/bpf"
#ifndef BPF_FS_MAGIC
#define BPF_FS_MAGIC 0xcafe4a11
#endif

struct rig rig = {.programs = LINK_PROGRAMS_NONE, .slow = 1};

static char base[128]; /* of the pins */
static char state[64]; /* of the state, and the place to mount on */

uint64_t rig_boot_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

char *rig_pin_dir(const char *name)
{
	char *path = NULL;

	if (asprintf(&path, "%s/%s", base, name) < 0)
		abort();
	return path;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	remove(path);
	return 0;
}

/*
 * A network of our own: a known set of sockets, and nothing that answers but
 * ourselves. Test runs use the current one's loopback device.
 */
static int enter_namespaces(void)
{
	struct ifreq request = {.ifr_name = "lo"};
	_cleanup_close_ int fd = -1;

	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		return -errno;
	/* What is mounted here is seen by nobody else. Fails in an initramfs, which has nobody else. */
	mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		return -errno;
	request.ifr_flags |= IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

static int make_directories(void)
{
	struct statfs fs;

	snprintf(state, sizeof(state), "/tmp/apimgate-packet-XXXXXX");
	if (!mkdtemp(state))
		return -errno;
	if (statfs(BPFFS, &fs) == 0 && (uint32_t)fs.f_type == BPF_FS_MAGIC) {
		snprintf(base, sizeof(base), BPFFS "/apimgate-packet-%d", (int)getpid());
	} else {
		snprintf(base, sizeof(base), "%s/bpf", state);
		if (mkdir(base, 0700) < 0 || mount("bpf", base, "bpf", 0, NULL) < 0)
			return -errno;
		strncat(base, "/gates", sizeof(base) - strlen(base) - 1);
	}
	return mkdir(base, 0700) < 0 ? -errno : 0;
}

/* Emulated machines are up to a hundred times slower; the long tests do less there. */
static void measure(void)
{
	struct frame *f = malloc(sizeof(*f));
	uint64_t start = rig_boot_time(), each;
	int i;

	frame_parse(f, "v4 D>H tcp=1>2");
	for (i = 0; i < 300; i++)
		rig_run(f->bytes, f->length);
	free(f);
	each = (rig_boot_time() - start) / 300;
	rig.slow = each < 100000 ? 1 : (uint32_t)(each / 50000);
}

uint32_t rig_rounds(uint32_t n)
{
	uint32_t rounds = n / rig.slow;

	return rounds ? rounds : 1;
}

static int load(struct report *report)
{
	_cleanup_(gate_endp) struct gate_change *change = NULL;
	int r;

	r = gate_begin(&rig.options, &change, report);
	if (r == 0)
		r = kernel_open(rig.options.pin_dir, &rig.kernel, report);
	return r < 0 ? r : link_load(rig.kernel, &rig.programs, report);
}

int rig_open(void)
{
	struct report report = {};
	int r;

	if (geteuid() != 0) {
		printf("skipped: loading XDP programs needs root\n");
		return SKIPPED;
	}
	r = enter_namespaces();
	if (r == 0)
		r = make_directories();
	if (r < 0) {
		printf("skipped: no namespaces or no BPF file system: %s\n", strerror(-r));
		return SKIPPED;
	}
	rig.options = (struct gate_options){
		.pin_dir = rig_pin_dir("gate"), .state_dir = state, .no_save = true};
	r = load(&report);
	if (r < 0) {
		printf("%s: %s\n", r == -EPERM ? "skipped" : "failed",
		       report.error ? report.error : strerror(-r));
		report_clear(&report);
		return r == -EPERM ? SKIPPED : 1;
	}
	rig_policy("%s", "");
	rig_link(GATE_ENFORCE, 0);
	measure();
	return 0;
}

void rig_close(void)
{
	link_programs_close(&rig.programs);
	kernel_freep(&rig.kernel);
	policy_freep(&rig.policy);
	free(rig.text);
	free((char *)rig.options.pin_dir);
	if (*base)
		nftw(base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	if (*base && !strncmp(base, state, strlen(state))) {
		*strrchr(base, '/') = '\0';
		umount(base);
	}
	if (*state)
		nftw(state, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
