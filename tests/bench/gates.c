// SPDX-License-Identifier: Apache-2.0
/*
 * Attaches and detaches the contestants of our own, reads their counters, and fills the address
 * map of xdp-filter, whose own command takes one address a process.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <string.h>

#include "cleanup.h"
#include "gates.h"
#include "gates.skel.h"
#include "prefix.h"
#include "veth.h"

#define BATCH 4096

struct options {
	const char *netns, *dev, *gate, *list, *map;
	int family;
};

static void cleanup_skel(struct gates_bpf **skel)
{
	gates_bpf__destroy(*skel);
}

static int fill_batch(int fd, int family, const struct prefix *list, __u32 count)
{
	struct key6 keys6[BATCH];
	struct key4 keys4[BATCH];
	__u32 values[BATCH], i;

	for (i = 0; i < count; i++) {
		keys4[i].len = keys6[i].len = list[i].len;
		memcpy(&keys4[i].addr, list[i].addr, sizeof(keys4[i].addr));
		memcpy(keys6[i].addr, list[i].addr, sizeof(keys6[i].addr));
		values[i] = 1;
	}
	return bpf_map_update_batch(fd, family == 4 ? (void *)keys4 : (void *)keys6, values, &count,
				    NULL);
}

static int load_lpm(struct gates_bpf *skel, int family, const struct prefix *list, size_t count)
{
	struct bpf_map *map = family == 4 ? skel->maps.allow4 : skel->maps.allow6;
	size_t i;
	int err;

	err = bpf_map__set_max_entries(map, (__u32)count);
	if (!err)
		err = gates_bpf__load(skel);
	for (i = 0; !err && i < count; i += BATCH)
		err = fill_batch(bpf_map__fd(map), family, list + i,
				 (__u32)(count - i < BATCH ? count - i : BATCH));
	return err;
}

static int load_gate(struct gates_bpf *skel, const struct options *o, int *prog)
{
	struct prefix *list __free = NULL;
	int err, lpm = !strcmp(o->gate, "lpm");
	size_t count;

	if (lpm) {
		if (!o->list)
			return -EINVAL;
		err = prefix_list_load(o->list, o->family, &list, &count);
		if (!err)
			err = load_lpm(skel, o->family, list, count);
		*prog = bpf_program__fd(skel->progs.lpm_gate);
		return err;
	}

	err = gates_bpf__load(skel);
	if (!strcmp(o->gate, "drop"))
		*prog = bpf_program__fd(skel->progs.floor_drop);
	else if (!strcmp(o->gate, "pass"))
		*prog = bpf_program__fd(skel->progs.floor_pass);
	else
		err = -EINVAL;
	return err;
}

/* Attached through netlink and not by a link: it lives as long as the device, without a process. */
static int attach(const struct options *o, int ifindex)
{
	struct gates_bpf *skel __cleanup(cleanup_skel) = gates_bpf__open();
	int err, prog = -1;

	if (!skel)
		return -errno;
	if (!o->gate)
		return -EINVAL;
	err = load_gate(skel, o, &prog);
	return err ? err : bpf_xdp_attach(ifindex, prog, XDP_FLAGS_DRV_MODE, NULL);
}

static int detach(int ifindex)
{
	return bpf_xdp_detach(ifindex, XDP_FLAGS_DRV_MODE, NULL);
}

static int find_counts(int ifindex)
{
	struct bpf_prog_info prog = {0};
	__u32 id, i, ids[8], len = sizeof(prog);
	int fd __close = -1;
	int err;

	err = bpf_xdp_query_id(ifindex, XDP_FLAGS_DRV_MODE, &id);
	if (err)
		return err;
	fd = bpf_prog_get_fd_by_id(id);
	if (fd < 0)
		return fd;
	prog.nr_map_ids = sizeof(ids) / sizeof(ids[0]);
	prog.map_ids = (__u64)(unsigned long)ids;
	err = bpf_obj_get_info_by_fd(fd, &prog, &len);
	if (err)
		return err;

	for (i = 0; i < prog.nr_map_ids && i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct bpf_map_info map = {0};
		int map_fd = bpf_map_get_fd_by_id(ids[i]);

		len = sizeof(map);
		if (map_fd >= 0 && !bpf_obj_get_info_by_fd(map_fd, &map, &len) &&
		    !strcmp(map.name, "counts"))
			return map_fd;
		cleanup_close(&map_fd);
	}
	return -ENOENT;
}

static int print_counts(int ifindex)
{
	int fd __close = find_counts(ifindex);
	int cpu, cpus = libbpf_num_possible_cpus();
	__u64 *values __free = NULL;
	__u64 total[COUNT_MAX] = {0};
	__u32 what;
	int err;

	if (fd < 0)
		return fd;
	if (cpus < 0)
		return cpus;
	values = calloc((size_t)cpus, sizeof(*values));
	if (!values)
		return -ENOMEM;
	for (what = 0; what < COUNT_MAX; what++) {
		err = bpf_map_lookup_elem(fd, &what, values);
		if (err)
			return err;
		for (cpu = 0; cpu < cpus; cpu++)
			total[what] += values[cpu];
	}
	printf("{\"dropped\": %llu, \"passed\": %llu, \"other\": %llu}\n", total[COUNT_MISS],
	       total[COUNT_HIT], total[COUNT_OTHER]);
	return 0;
}

/*
 * Gives every address of the list the value of the one that is in the map already. The first was
 * put there by xdp-filter itself, so what a value means stays its own affair.
 */
static int fill(const struct options *o)
{
	int fd __close = o->map ? bpf_obj_get(o->map) : -EINVAL;
	int cpus = libbpf_num_possible_cpus();
	struct prefix *list __free = NULL;
	unsigned char first[16];
	__u64 *value __free = NULL;
	size_t count, i;
	int err;

	if (fd < 0 || cpus < 0)
		return fd < 0 ? fd : cpus;
	value = calloc((size_t)cpus, sizeof(*value));
	if (!value)
		return -ENOMEM;
	err = prefix_list_load(o->list, o->family, &list, &count);
	if (!err)
		err = bpf_map_get_next_key(fd, NULL, first);
	if (!err)
		err = bpf_map_lookup_elem(fd, first, value);
	for (i = 0; !err && i < count; i++)
		err = bpf_map_update_elem(fd, list[i].addr, value, BPF_ANY);
	return err;
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
		{"netns", 1, NULL, 'n'},
		{"dev", 1, NULL, 'd'},
		{"gate", 1, NULL, 'g'},
		{"list", 1, NULL, 'l'},
		{"map", 1, NULL, 'm'},
		{"family", 1, NULL, 'f'},
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 'n':
			o->netns = optarg;
			break;
		case 'd':
			o->dev = optarg;
			break;
		case 'g':
			o->gate = optarg;
			break;
		case 'l':
			o->list = optarg;
			break;
		case 'm':
			o->map = optarg;
			break;
		case 'f':
			o->family = !strcmp(optarg, "6") ? 6 : 4;
			break;
		default:
			return -EINVAL;
		}
	}
	return optind == argc - 1 ? 0 : -EINVAL;
}

static int act(const char *verb, const struct options *o)
{
	int ifindex, err;

	if (!strcmp(verb, "fill"))
		return o->list ? fill(o) : -EINVAL;
	if (!o->netns || !o->dev)
		return -EINVAL;
	err = netns_enter(o->netns);
	if (err)
		return err;
	ifindex = (int)if_nametoindex(o->dev);
	if (!ifindex)
		return -ENODEV;
	if (!strcmp(verb, "attach"))
		return attach(o, ifindex);
	if (!strcmp(verb, "detach"))
		return detach(ifindex);
	if (!strcmp(verb, "counts"))
		return print_counts(ifindex);
	return -EINVAL;
}

int main(int argc, char **argv)
{
	struct options o = {.family = 4};
	int err;

	if (parse_options(argc, argv, &o)) {
		fprintf(stderr, "usage: gates attach --netns PATH --dev DEV --gate drop|pass|lpm "
				"[--family 4|6 --list FILE]\n"
				"       gates detach|counts --netns PATH --dev DEV\n"
				"       gates fill --map PIN --family 4|6 --list FILE\n");
		return 2;
	}
	err = act(argv[optind], &o);
	if (err)
		fprintf(stderr, "gates %s: %s\n", argv[optind], strerror(-err));
	return err ? 1 : 0;
}
