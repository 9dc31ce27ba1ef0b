/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One link in the kernel: a program instance on one interface, and its pins
 *
 *	PIN_DIR/links/DEVICE/{config,cpus,explanation,probe,program,link}
 *
 * where a '.' in the device's name is written "%2E" (the BPF file system has
 * no dots). A link is complete once `link` is pinned.
 */
#ifndef APIMGATE_GATE_LINK_H
#define APIMGATE_GATE_LINK_H

#include <linux/types.h>

#include "agent/gate/gate.h"
#include "agent/gate/kernel.h"

/* What is loaded for a link, before or after it is attached. */
struct link_programs {
	int program, probe;	       /* descriptors */
	int config, cpus, explanation; /* of its own maps */
};

#define LINK_PROGRAMS_NONE ((struct link_programs){-1, -1, -1, -1, -1})

/*
 * Loads the pair of programs over the gate's maps. Maps that are given in
 * *programs (not -1) are used again, and its counters go on counting.
 */
int link_load(struct kernel *kernel, struct link_programs *programs, struct report *report);
void link_programs_close(struct link_programs *programs);

/*
 * Opens what is pinned for the device. -ENOENT, without an error, where
 * nothing is. *link (may be NULL) is the link's descriptor.
 */
int link_open(const struct kernel *kernel, const char *device, struct link_programs *programs,
	      int *link, struct report *report);

/* Attaches and pins. native and fallback as in struct gate_attached. */
int link_attach(struct kernel *kernel, const char *device, uint32_t ifindex,
		enum policy_link_mode mode, const struct link_programs *programs, bool *native,
		char *fallback, size_t fallback_size, struct report *report);

/* Puts these programs in the place of those that the link runs, and pins them. */
int link_replace(struct kernel *kernel, const char *device, int link,
		 const struct link_programs *programs, struct report *report);

/* Removes the pins, and with the last reference the link. */
int link_remove(const struct kernel *kernel, const char *device, struct report *report);

/* Reads and writes its configuration; the program sees a write at once. */
int link_config_read(int config, struct gate_link_config *out, struct report *report);
int link_config_write(int config, const struct gate_link_config *value, struct report *report);

/* Devices that have a link pinned, by name. *out: array of strings in one block, owned. */
int link_list(const struct kernel *kernel, char (**out)[IF_NAMESIZE], size_t *count,
	      struct report *report);

/* State of one link; *info is complete but for what the policy says. */
int link_inspect(const struct kernel *kernel, const char *device, struct gate_link_info *info,
		 struct report *report);

/* Adds up the counters of all CPUs. */
int link_read_cpus(int cpus, struct gate_cpu *out, struct report *report);

/* sum[i] += part[i] */
void link_add_counts(struct gate_count *sum, const struct gate_count *part, size_t count);

/* Zeroes the counters of these services and sets, which nothing counts yet. */
int link_zero_cpus(int cpus, uint64_t services, uint64_t sets, struct report *report);

#endif
