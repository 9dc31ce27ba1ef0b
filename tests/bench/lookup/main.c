// SPDX-License-Identifier: Apache-2.0
/*
 * lookup FAMILY FILE ROUNDS [CANDIDATE...]: builds each candidate from the
 * prefixes in the file, holds its answers against plain intervals, and prints
 * what a lookup costs above an empty program, one line of JSON a candidate.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lookup.h"

#define MAX_ROUNDS 99

enum kind { FLOOD, HIT, NEAR, KINDS };
static const char *const kind_names[] = {"flood", "hit", "near"};

static const struct candidate candidates[] = {
	{"lpm", true, true, false, NULL},
	{"stride8", true, true, false, build_stride8},
	{"poptrie", true, true, false, build_poptrie},
	{"dir24", true, false, false, build_dir24},
	{"hashlen", false, true, false, build_hashlen},
	{"gate", true, true, false, NULL},
	{"front16", true, true, true, build_front16},
	{"front24", true, true, true, build_front24},
	{"fronthash", false, true, true, build_fronthash},
};

/* ---- the list, and what is true of it ---- */

static int compare(const void *a, const void *b)
{
	const struct entry *one = a, *two = b;

	if (one->high != two->high)
		return one->high < two->high ? -1 : 1;
	if (one->low != two->low)
		return one->low < two->low ? -1 : 1;
	return (int)one->length - (int)two->length;
}

static void read_list(const char *path, struct list *list)
{
	char line[128], *slash;
	uint64_t parts[2];
	size_t capacity = 0, i, kept = 0;
	FILE *file = fopen(path, "r");

	if (!file)
		fail(path);
	while (fgets(line, sizeof(line), file)) {
		slash = strchr(line, '/');
		if (!slash)
			continue;
		*slash = '\0';
		memset(parts, 0, sizeof(parts));
		if (inet_pton(list->family == 4 ? AF_INET : AF_INET6, line, parts) != 1)
			continue;
		if (list->count == capacity) {
			capacity = capacity ? capacity * 2 : 1024;
			list->entries = realloc(list->entries, capacity * sizeof(*list->entries));
			if (!list->entries)
				fail("memory");
		}
		list->entries[list->count++] =
			(struct entry){be64toh(parts[0]), be64toh(parts[1]),
				       (uint32_t)strtoul(slash + 1, NULL, 10), 0};
	}
	fclose(file);
	qsort(list->entries, list->count, sizeof(*list->entries), compare);
	for (i = 0; i < list->count; i++)
		if (!kept || compare(&list->entries[kept - 1], &list->entries[i]))
			list->entries[kept++] = list->entries[i];
	list->count = kept;
	for (i = 0; i < kept; i++)
		list->entries[i].value = (uint32_t)i + 1;
}

static uint64_t ones(uint32_t length, bool low_half)
{
	uint32_t bits = low_half ? (length > 64 ? length - 64 : 0) : length < 64 ? length : 64;

	return bits == 64 ? 0 : ~0ULL >> bits;
}

static bool covers(const struct entry *entry, const struct lookup_address *address)
{
	return !((entry->high ^ address->high) & ~ones(entry->length, false)) &&
	       !((entry->low ^ address->low) & ~ones(entry->length, true));
}

/* What covers an address precedes it in order; the nearest that does is the longest. */
static uint32_t truth(const struct list *list, const uint32_t *parent,
		      const struct lookup_address *address)
{
	struct entry key = {address->high, address->low, 129, 0};
	size_t low = 0, high = list->count, middle;

	while (low < high) {
		middle = (low + high) / 2;
		if (compare(&list->entries[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	while (low && !covers(&list->entries[low - 1], address))
		low = parent[low - 1];
	return low ? list->entries[low - 1].value : 0;
}

/* For each entry, 1 + the one that covers it most closely; 0: none. */
static uint32_t *find_parents(const struct list *list)
{
	uint32_t *parent = calloc(list->count + 1, sizeof(*parent));
	struct lookup_address address;
	size_t i, at;

	if (!parent)
		fail("memory");
	for (i = 1; i < list->count; i++) {
		address = (struct lookup_address){list->entries[i].high, list->entries[i].low};
		for (at = i; at && !covers(&list->entries[at - 1], &address);)
			at = parent[at - 1];
		parent[i] = (uint32_t)at;
	}
	return parent;
}

static uint64_t random_word(void)
{
	static uint64_t state = 88172645463325252ULL;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void fill_stream(const struct list *list, enum kind kind, struct lookup_stream *stream)
{
	uint32_t keep, i;

	for (i = 0; i < STREAM_ADDRESSES; i++) {
		const struct entry *entry = &list->entries[random_word() % list->count];
		struct lookup_address random = {random_word(), random_word()};

		keep = kind == HIT ? entry->length : list->family == 4 ? 24 : 32;
		if (kind == FLOOD) {
			if (list->family == 6)
				random.high = random.high >> 3 | 1ULL << 61;
		} else {
			random.high = (entry->high & ~ones(keep, false)) |
				      (random.high & ones(keep, false));
			random.low =
				(entry->low & ~ones(keep, true)) | (random.low & ones(keep, true));
		}
		if (list->family == 4) {
			random.high &= ~0ULL << 32;
			random.low = 0;
		}
		stream->address[i] = random;
	}
}

/* ---- a candidate in the kernel ---- */

struct running {
	struct bpf_object *object;
	struct lookup_stream *stream;
	int program, empty;
	size_t bytes;
	double build_ms;
};

static size_t fill_lpm(const struct list *list, int map)
{
	struct {
		uint32_t length;
		uint64_t parts[2];
	} __attribute__((packed)) key;
	size_t i;

	for (i = 0; i < list->count; i++) {
		key.length = list->entries[i].length;
		key.parts[0] = htobe64(list->entries[i].high);
		key.parts[1] = htobe64(list->entries[i].low);
		if (bpf_map_update_elem(map, &key, &list->entries[i].value, BPF_ANY) < 0)
			fail("LPM trie");
	}
	return list->count * (40 + 24); /* a node of struct lpm_trie_node, without inner ones */
}

static void set_table(struct bpf_object *object, const struct block *block)
{
	struct bpf_map *rodata = bpf_object__find_map_by_name(object, ".rodata");
	uint32_t size = 64;
	size_t length;

	while (size < block->size)
		size *= 2;
	/* table_mask is the only variable there. */
	*(uint32_t *)bpf_map__initial_value(rodata, &length) = size - 1;
	if (bpf_map__set_value_size(bpf_object__find_map_by_name(object, "table"), size) < 0)
		fail("table size");
}

static void load(struct running *r, const char *name)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, r->object) bpf_program__set_autoload(
		program, !strcmp(bpf_program__name(program), name) ||
				 !strcmp(bpf_program__name(program), "empty"));
	if (bpf_object__load(r->object) < 0)
		fail(name);
	r->program = bpf_program__fd(bpf_object__find_program_by_name(r->object, name));
	r->empty = bpf_program__fd(bpf_object__find_program_by_name(r->object, "empty"));
	r->stream = mmap(NULL, sizeof(*r->stream), PROT_READ | PROT_WRITE, MAP_SHARED,
			 bpf_object__find_map_fd_by_name(r->object, ".bss"), 0);
	if (r->stream == MAP_FAILED)
		fail("stream");
}

static void start(const struct candidate *c, const struct list *list, const char *directory,
		  struct running *r)
{
	bool gate = !strcmp(c->name, "gate");
	struct block block = {};
	char path[4096], name[64];
	double began = cpu_ms();
	uint32_t zero = 0;

	snprintf(path, sizeof(path), "%s/%s.bpf.o", directory, gate ? "gate" : "lookup");
	snprintf(name, sizeof(name), "%s_ipv%u", c->name, list->family);
	r->object = bpf_object__open_file(path, NULL);
	if (!r->object)
		fail(path);
	if (c->build) {
		c->build(list, &block);
		set_table(r->object, &block);
		r->bytes = block.size;
		r->build_ms = cpu_ms() - began;
	}
	if (!gate) {
		bpf_map__set_max_entries(bpf_object__find_map_by_name(r->object, "lpm"),
					 (uint32_t)list->count);
		bpf_map__set_key_size(bpf_object__find_map_by_name(r->object, "lpm"),
				      list->family == 4 ? 8 : 20);
	}
	load(r, name);
	began = cpu_ms();
	if (gate) {
		r->bytes = fill_gate(list, r->object, &r->build_ms);
	} else if (!c->build) {
		r->bytes = fill_lpm(list, bpf_object__find_map_fd_by_name(r->object, "lpm"));
		r->build_ms = cpu_ms() - began;
	} else {
		block.data = realloc(block.data, block.size * 2 + 64);
		if (!block.data ||
		    bpf_map_update_elem(bpf_object__find_map_fd_by_name(r->object, "table"), &zero,
					block.data, BPF_ANY) < 0)
			fail("table");
	}
	free(block.data);
}

static int compare_doubles(const void *a, const void *b)
{
	double one = *(const double *)a, two = *(const double *)b;

	return one < two ? -1 : one > two;
}

/*
 * All addresses of the stream; nanoseconds a run, by the kernel's own clock: the
 * system call waits for other CPUs before and after.
 */
static double run(int program)
{
	uint8_t frame[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = STREAM_ADDRESSES);

	if (bpf_prog_test_run_opts(program, &options) < 0)
		fail("BPF_PROG_TEST_RUN");
	return options.duration;
}

/* Every answer to the stream, against the truth. Returns how many are not "no prefix". */
static uint32_t verify(const struct candidate *c, const struct list *list, const uint32_t *parent,
		       struct running *r)
{
	uint32_t i, expected, found = 0;

	r->stream->position = 0;
	run(r->program);
	for (i = 0; i < STREAM_ADDRESSES; i++) {
		expected = truth(list, parent, &r->stream->address[i]);
		found += r->stream->result[i] != 0;
		if (c->only_front ? expected && !r->stream->result[i]
				  : r->stream->result[i] != expected) {
			fprintf(stderr, "lookup: %s says %u of %016llx%016llx, and not %u\n",
				c->name, r->stream->result[i],
				(unsigned long long)r->stream->address[i].high,
				(unsigned long long)r->stream->address[i].low, expected);
			exit(1);
		}
	}
	return found;
}

static void measure(const struct candidate *c, const struct list *list, const uint32_t *parent,
		    int rounds, struct running *r)
{
	double costs[MAX_ROUNDS];
	uint32_t found;
	int kind, i;

	printf("{\"candidate\": \"%s\", \"family\": %u, \"prefixes\": %zu, \"bytes\": %zu, "
	       "\"build_ms\": %.2f",
	       c->name, list->family, list->count, r->bytes, r->build_ms);
	for (kind = 0; kind < KINDS; kind++) {
		fill_stream(list, (enum kind)kind, r->stream);
		found = verify(c, list, parent, r);
		for (i = 0; i < rounds; i++)
			costs[i] = run(r->program) - run(r->empty);
		qsort(costs, (size_t)rounds, sizeof(*costs), compare_doubles);
		printf(", \"%s\": {\"ns\": %.1f, \"least\": %.1f, \"greatest\": %.1f, "
		       "\"found\": %.4f}",
		       kind_names[kind], costs[rounds / 2], costs[0], costs[rounds - 1],
		       found / (double)STREAM_ADDRESSES);
	}
	printf("}\n");
	fflush(stdout);
}

static bool is_wanted(const struct candidate *c, const struct list *list, char **names)
{
	if (!(list->family == 4 ? c->ipv4 : c->ipv6))
		return false;
	if (!*names)
		return true;
	for (; *names; names++)
		if (!strcmp(*names, c->name))
			return true;
	return false;
}

static int quiet(enum libbpf_print_level level, const char *format, va_list arguments)
{
	return level == LIBBPF_WARN && !strstr(format, "Retrying without BTF")
		       ? vfprintf(stderr, format, arguments)
		       : 0;
}

int main(int argc, char **argv)
{
	struct list list = {};
	uint32_t *parent;
	char *slash;
	int rounds;
	size_t i;

	if (argc < 4)
		return 2;
	libbpf_set_print(quiet);
	list.family = (uint32_t)atoi(argv[1]);
	rounds = atoi(argv[3]);
	if (rounds < 1 || rounds > MAX_ROUNDS)
		return 2;
	read_list(argv[2], &list);
	if (!list.count) {
		fprintf(stderr, "lookup: %s has no IPv%u prefix\n", argv[2], list.family);
		return 1;
	}
	parent = find_parents(&list);
	slash = strrchr(argv[0], '/');
	if (slash)
		*slash = '\0';
	for (i = 0; i < sizeof(candidates) / sizeof(*candidates); i++) {
		struct running r = {};

		if (!is_wanted(&candidates[i], &list, argv + 4))
			continue;
		start(&candidates[i], &list, slash ? argv[0] : ".", &r);
		measure(&candidates[i], &list, parent, rounds, &r);
		munmap(r.stream, sizeof(*r.stream));
		bpf_object__close(r.object);
	}
	free(parent);
	free(list.entries);
	return 0;
}
