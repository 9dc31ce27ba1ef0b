/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An examination: what was read once, at its start, and the checks that add
 * their findings to it. A check never fails itself; what it cannot see, it
 * says.
 */
#ifndef APIMGATE_GATE_DOCTOR_INTERNAL_H
#define APIMGATE_GATE_DOCTOR_INTERNAL_H

#include <linux/version.h>

#include "agent/base/cleanup.h"
#include "agent/gate/doctor.h"
#include "agent/gate/iface.h"

/* For "%u.%u". */
#define DOCTOR_VERSION_ARGS(version) (version) >> 16, (version) >> 8 & 255

struct doctor {
	const struct gate_options *options;
	struct doctor_findings *findings;
	bool no_memory;

	uint32_t kernel; /* KERNEL_VERSION() of the one that runs */
	struct gate_running running;
	struct policy *policy; /* what is in force, else what is saved; NULL: unreadable */
	struct policy *saved;  /* in the state file; NULL: none */
	char *policy_error;    /* why policy is NULL */
	struct gate_link_info *links;
	size_t link_count;
	struct iface *ifaces; /* all of the namespace */
	size_t iface_count;
};

/* Adds a finding. device may be NULL. */
void doctor_add(struct doctor *doctor, enum doctor_level level, const char *check,
		const char *device, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The way out of what was found last. */
void doctor_hint(struct doctor *doctor, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The first line of a small file of /proc or /sys, without its end. */
bool doctor_read_line(const char *path, char *out, size_t size);

/* Is the gate attached to the device? */
bool doctor_has_gate(const struct doctor *doctor, const char *device);

/* doctor_kernel.c */
void doctor_check_kernel(struct doctor *doctor);

/* doctor_state.c: sets doctor->saved, too. */
void doctor_check_state(struct doctor *doctor);

/* doctor_policy.c */
void doctor_check_links(struct doctor *doctor);
void doctor_check_policy(struct doctor *doctor);

/* doctor_host.c */
void doctor_check_unit(struct doctor *doctor);
void doctor_check_tunnels(struct doctor *doctor);

/* doctor_device.c */
void doctor_check_device(struct doctor *doctor, const struct iface *iface);

/* doctor_driver.c: what is known of a driver, or NULL. */
struct doctor_driver {
	const char *name;
	uint32_t native;     /* first kernel with native XDP */
	uint32_t frags;	     /* first kernel with frames of several buffers, 0: none yet */
	uint32_t max_mtu;    /* of native XDP without those, 0: no limit, or not known */
	uint32_t note_until; /* first kernel that the note is not for, 0: it is for all */
	const char *note;    /* what else the driver wants, or NULL */
};
const struct doctor_driver *doctor_find_driver(const char *name);

#endif
