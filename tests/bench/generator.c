// SPDX-License-Identifier: Apache-2.0
/*
 * Sends frames at one contestant and times them. One visit a process: it loads the generator,
 * pins itself to a core, runs, and prints what happened as one JSON document. The frames are made,
 * cross the veth pair and meet their verdict in this one system call, on this one core.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include "cleanup.h"
#include "frame.h"
#include "generator.h"
#include "generator.skel.h"
#include "prefix.h"
#include "target.h"
#include "veth.h"

#define MAX_SAMPLES (1U << 20)
/* One NAPI poll takes 64 frames, and a veth ring holds 256: a batch fits both. */
#define BATCH 64

#define SETTLE_TRIES 50
#define SETTLE_NS 2000000

struct options {
	const char *gen_ns, *gen_dev;
	const char *rx_ns, *rx_dev;
	const char *list;    /* sources come from here; NULL: they are random */
	const char *targets; /* likewise destinations; NULL: always the same */
	unsigned char mac[6];
	unsigned long family, cpu, slice_shift, slices, warm, seed;
};

static void cleanup_skel(struct generator_bpf **skel)
{
	generator_bpf__destroy(*skel);
}

static __u64 xorshift(__u64 *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static void sample(const struct prefix *p, size_t bytes, __u64 *rng, struct gen_source *source)
{
	unsigned char addr[16];
	size_t i;

	memcpy(addr, p->addr, sizeof(addr));
	for (i = p->len / 8; i < bytes; i++) {
		unsigned char host = i == p->len / 8 ? 0xff >> p->len % 8 : 0xff;

		addr[i] = (addr[i] & ~host) | ((unsigned char)(xorshift(rng) >> 24) & host);
	}
	memcpy(source->addr, addr, sizeof(addr));
}

/* Any prefix of the list with equal chance, then any address in it. */
static int fill_sources(const struct generator_bpf *skel, const struct options *o, __u32 samples)
{
	size_t size = samples * sizeof(struct gen_source), count, i;
	struct prefix *list __free = NULL;
	struct gen_source *sources;
	__u64 rng = o->seed;
	int err;

	err = prefix_list_load(o->list, (int)o->family, &list, &count);
	if (err)
		return err;
	sources = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
		       bpf_map__fd(skel->maps.sources), 0);
	if (sources == MAP_FAILED)
		return -errno;
	for (i = 0; i < samples; i++)
		sample(&list[(xorshift(&rng) >> 20) % count], o->family == 4 ? 4 : 16, &rng,
		       &sources[i]);
	munmap(sources, size);
	return 0;
}

static __u32 samples_for(__u64 frames)
{
	__u32 samples = 1;

	while (samples < frames && samples < MAX_SAMPLES)
		samples *= 2;
	return samples;
}

static int fill_targets(const struct generator_bpf *skel, const struct gen_target *targets,
			size_t count)
{
	size_t size = count * sizeof(*targets);
	void *view = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			  bpf_map__fd(skel->maps.targets), 0);

	if (view == MAP_FAILED)
		return -errno;
	memcpy(view, targets, size);
	munmap(view, size);
	return 0;
}

static void configure(struct generator_bpf *skel, const struct options *o, __u32 samples,
		      size_t targets)
{
	skel->rodata->family = (__u32)o->family;
	skel->rodata->slice_shift = (__u32)o->slice_shift;
	skel->rodata->from_list = !!o->list;
	skel->rodata->list_mask = samples - 1;
	skel->rodata->many_targets = !!o->targets;
	skel->rodata->target_mask = (__u32)(targets - 1);
	skel->bss->sent = 0;
	skel->data->rng_state = o->seed;
}

static int load(struct generator_bpf **out, const struct options *o, __u64 frames,
		unsigned char *frame)
{
	struct generator_bpf *skel __cleanup(cleanup_skel) = generator_bpf__open();
	__u32 samples = o->list ? samples_for(frames) : 1;
	struct gen_target *targets __free = NULL;
	size_t target_count = 1;
	int err = 0;

	if (!skel)
		return -errno;
	if (o->targets) {
		err = target_list_load(o->targets, (int)o->family, &targets, &target_count);
		frame_clear_target((int)o->family, frame);
	}
	if (err)
		return err;
	configure(skel, o, samples, target_count);
	skel->rodata->base_sum = frame_header_sum(frame);
	err = bpf_map__set_max_entries(skel->maps.sources, samples);
	if (!err)
		err = bpf_map__set_max_entries(skel->maps.targets, (__u32)target_count);
	if (!err)
		err = generator_bpf__load(skel);
	if (!err && o->list)
		err = fill_sources(skel, o, samples);
	if (!err && targets)
		err = fill_targets(skel, targets, target_count);
	if (err)
		return err;
	*out = skel;
	skel = NULL;
	return 0;
}

static int pin_to_cpu(unsigned long cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

static int run(const struct generator_bpf *skel, const char *dev, const void *frame, int len,
	       __u64 frames)
{
	struct xdp_md ctx = {.data_end = (__u32)len};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (__u32)len,
		    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .repeat = (int)frames,
		    .batch_size = BATCH, .flags = BPF_F_TEST_XDP_LIVE_FRAMES, );
	int err;

	ctx.ingress_ifindex = if_nametoindex(dev);
	if (!ctx.ingress_ifindex)
		return -ENODEV;
	err = bpf_prog_test_run_opts(bpf_program__fd(skel->progs.generate), &opts);
	if (err == -EINVAL)
		fprintf(stderr,
			"this kernel has no live-frame BPF_PROG_TEST_RUN (5.18 and later)\n");
	return err;
}

static struct veth_stats difference(const struct veth_stats *a, const struct veth_stats *b)
{
	return (struct veth_stats){
		.seen = b->seen - a->seen,
		.dropped = b->dropped - a->dropped,
		.redirected = b->redirected - a->redirected,
		.reflected = b->reflected - a->reflected,
		.lost = b->lost - a->lost,
	};
}

/* The last batch may still sit in the peer's ring if the kernel left it to ksoftirqd. */
static int settle(int sock, const char *dev, __u64 frames, const struct veth_stats *before,
		  struct veth_stats *delta)
{
	const struct timespec pause = {.tv_nsec = SETTLE_NS};
	struct veth_stats after;
	int i, err;

	for (i = 0; i < SETTLE_TRIES; i++) {
		err = veth_stats_read(sock, dev, &after);
		if (err)
			return err;
		*delta = difference(before, &after);
		if (delta->seen >= frames)
			break;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static void report(const struct generator_bpf *skel, const struct options *o, long preempted,
		   const struct veth_stats *rx)
{
	const __u64 *marks = skel->bss->marks;
	unsigned long i;

	printf("{\"sent\": %llu, \"seen\": %llu, \"dropped\": %llu, \"redirected\": %llu, ",
	       skel->bss->sent, rx->seen, rx->dropped, rx->redirected);
	printf("\"reflected\": %llu, \"lost\": %llu, \"preempted\": %ld, \"slice_frames\": %lu, ",
	       rx->reflected, rx->lost, preempted, 1UL << o->slice_shift);
	printf("\"slices\": [");
	for (i = o->warm; i < o->warm + o->slices; i++)
		printf("%s%llu", i == o->warm ? "" : ", ", marks[i + 1] - marks[i]);
	printf("]}\n");
}

static int visit(const struct options *o)
{
	/* One more than the slices hold: the first frame after the last slice ends it. */
	__u64 frames = ((__u64)(o->warm + o->slices) << o->slice_shift) + 1;
	struct generator_bpf *skel __cleanup(cleanup_skel) = NULL;
	int sock __close = netns_socket(o->rx_ns);
	struct veth_stats before, delta;
	unsigned char frame[FRAME_MAX];
	struct rusage use[2];
	int err, len;

	if (sock < 0)
		return sock;
	len = frame_build((int)o->family, o->mac, frame);
	err = veth_enable_gro(sock, o->rx_dev);
	if (!err)
		err = netns_enter(o->gen_ns);
	if (!err)
		err = load(&skel, o, frames, frame);
	if (!err)
		err = pin_to_cpu(o->cpu);
	if (!err)
		err = veth_stats_read(sock, o->rx_dev, &before);
	if (err)
		return err;

	getrusage(RUSAGE_SELF, &use[0]);
	err = run(skel, o->gen_dev, frame, len, frames);
	getrusage(RUSAGE_SELF, &use[1]);
	if (!err)
		err = settle(sock, o->rx_dev, frames, &before, &delta);
	if (!err)
		report(skel, o, use[1].ru_nivcsw - use[0].ru_nivcsw, &delta);
	return err;
}

static int parse_number(const char *text, unsigned long *value)
{
	char *end;

	errno = 0;
	*value = strtoul(text, &end, 0);
	return errno || end == text || *end ? -EINVAL : 0;
}

static int parse_mac(const char *text, unsigned char mac[6])
{
	int end = 0;

	sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx%n", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
	       &mac[5], &end);
	return end && !text[end] ? 0 : -EINVAL;
}

static int parse_option(int c, struct options *o)
{
	switch (c) {
	case 'g':
		o->gen_ns = optarg;
		return 0;
	case 'G':
		o->gen_dev = optarg;
		return 0;
	case 'r':
		o->rx_ns = optarg;
		return 0;
	case 'R':
		o->rx_dev = optarg;
		return 0;
	case 'l':
		o->list = optarg;
		return 0;
	case 't':
		o->targets = optarg;
		return 0;
	case 'm':
		return parse_mac(optarg, o->mac);
	case 'f':
		return parse_number(optarg, &o->family);
	case 'c':
		return parse_number(optarg, &o->cpu);
	case 's':
		return parse_number(optarg, &o->slice_shift);
	case 'n':
		return parse_number(optarg, &o->slices);
	case 'w':
		return parse_number(optarg, &o->warm);
	case 'e':
		return parse_number(optarg, &o->seed);
	}
	return -EINVAL;
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
		{"gen-netns", 1, NULL, 'g'}, {"gen-dev", 1, NULL, 'G'},
		{"rx-netns", 1, NULL, 'r'},  {"rx-dev", 1, NULL, 'R'},
		{"list", 1, NULL, 'l'},	     {"targets", 1, NULL, 't'},
		{"mac", 1, NULL, 'm'},	     {"family", 1, NULL, 'f'},
		{"cpu", 1, NULL, 'c'},	     {"slice-shift", 1, NULL, 's'},
		{"slices", 1, NULL, 'n'},    {"warm", 1, NULL, 'w'},
		{"seed", 1, NULL, 'e'},	     {0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1)
		if (parse_option(c, o))
			return -EINVAL;
	if (optind != argc || !o->gen_ns || !o->gen_dev || !o->rx_ns || !o->rx_dev || !o->slices ||
	    !o->seed || (o->family != 4 && o->family != 6) || o->cpu >= CPU_SETSIZE ||
	    o->slice_shift > 20 || o->warm + o->slices >= GEN_MAX_MARKS)
		return -EINVAL;
	/* The kernel takes the number of frames as an int. */
	return ((__u64)(o->warm + o->slices) << o->slice_shift) < INT32_MAX ? 0 : -ERANGE;
}

int main(int argc, char **argv)
{
	struct options o = {.slice_shift = 15, .slices = 32, .seed = 1};
	int err;

	err = parse_options(argc, argv, &o);
	if (err) {
		fprintf(stderr,
			"usage: generator --gen-netns PATH --gen-dev DEV --rx-netns PATH "
			"--rx-dev DEV --mac MAC --family 4|6 [--cpu N] [--list FILE] "
			"[--targets FILE] [--seed N] [--slice-shift N] [--slices N] [--warm N]\n");
		return 2;
	}
	err = visit(&o);
	if (err)
		fprintf(stderr, "generator: %s\n", strerror(-err));
	return err ? 1 : 0;
}
