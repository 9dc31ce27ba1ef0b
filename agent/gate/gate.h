/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate, as the command line and the keeper use it. A change is a
 * transaction: gate_begin() takes the writers' lock and reads the policy that
 * runs, the caller edits it, and gate_commit() compiles it, saves it, and
 * switches the kernel to it in one store. Nothing is half-applied: an error or
 * a kill before the switch leaves the old generation in force.
 *
 * Where the policy comes from: the running generation if the gate is loaded,
 * else the state file. gate_begin() loads the gate (pins its maps) if it is
 * not, so that the kernel holds the truth from the first change on.
 */
#ifndef APIMGATE_GATE_GATE_H
#define APIMGATE_GATE_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/gate/policy.h"

#define GATE_DEFAULT_PIN_DIR "/sys/fs/bpf/apimgate"
#define GATE_DEFAULT_STATE_DIR "/var/lib/apimgate"

struct gate_options {
	const char *pin_dir;   /* on a BPF file system */
	const char *state_dir; /* for the next boot */
	bool no_save;	       /* change the kernel only */
};

/*
 * Reads the policy that is in force, without the lock: one generation, whole.
 * *loaded (may be NULL) says whether it comes from the kernel (else from the
 * state file, or a new policy where there is neither).
 */
int gate_read_policy(const struct gate_options *options, struct policy **out, bool *loaded,
		     struct report *report);

struct gate_change;

int gate_begin(const struct gate_options *options, struct gate_change **out, struct report *report);

/* The policy to edit; owned by the change. */
struct policy *gate_policy(struct gate_change *change);

/*
 * Applies it. Guards are asked unless force: -EPERM with REPORT_GUARD. A
 * change that changes nothing is done without a new generation.
 */
int gate_commit(struct gate_change *change, bool force, struct report *report);

/* Lets go of the lock; drops what was not committed. NULL is fine. */
void gate_end(struct gate_change *change);
void gate_endp(struct gate_change **change);

/* ---- links ---- */

enum gate_link_state {
	GATE_LINK_ATTACHED,
	GATE_LINK_STALE,   /* pinned, but its interface is gone or was made anew */
	GATE_LINK_MISSING, /* in the policy, but not pinned: restore attaches it */
};

struct gate_link_info {
	char device[IF_NAMESIZE];
	enum gate_link_state state;
	uint32_t ifindex;     /* of the interface of that name now, 0: none */
	uint32_t attached_to; /* ifindex that the link is on, 0: none */
	enum policy_link_mode asked;
	bool native;	   /* what it got: the driver's XDP, or the generic one */
	bool enforce;	   /* in the program now, deadline or not */
	uint64_t deadline; /* ns, CLOCK_BOOTTIME; 0: none */
	bool expired;	   /* the deadline has passed: it audits */
	uint32_t program_id;
	uint32_t link_id;
	char tag[17];	  /* of the program, hex */
	bool other_build; /* the program is of another build than this one: restore upgrades it */
};

/* All links, by device name; *out owned by the caller. Needs no lock. */
int gate_links(const struct gate_options *options, struct gate_link_info **out, size_t *count,
	       struct report *report);

struct gate_attach {
	const char *device;
	enum policy_link_mode mode;
	bool enforce;	  /* false: audit */
	uint32_t confirm; /* seconds, 0: no trial */
	bool force;
};

/* What attaching did, for the user. */
struct gate_attached {
	bool native;
	bool already;	    /* it was attached; only its policy was set */
	char fallback[256]; /* why auto is generic, or empty */
};

/*
 * Attaches to the interface and pins the link, or sets the policy of one that
 * is attached. Writes the policy's link and commits. On failure the interface
 * is as before. Errors name: an interface that does not exist (with the
 * names that do), another XDP program on it, a VF of an Azure NIC, a bond.
 */
int gate_attach(struct gate_change *change, const struct gate_attach *attach,
		struct gate_attached *result, struct report *report);
/* enforce (with confirm seconds or 0) or audit, for an attached link. */
int gate_set_enforce(struct gate_change *change, const char *device, bool enforce, uint32_t confirm,
		     bool force, struct report *report);
/* Ends a trial: it enforces for good. -ENOENT where none is running; -ETIME where it is over. */
int gate_confirm(struct gate_change *change, const char *device, struct report *report);
int gate_detach(struct gate_change *change, const char *device, struct report *report);

/* What restore did with one link. */
enum gate_restored {
	GATE_RESTORED_SAME,
	GATE_RESTORED_ATTACHED,
	GATE_RESTORED_UPGRADED,
	GATE_RESTORED_FAILED
};
struct gate_restored_link {
	char device[IF_NAMESIZE];
	enum gate_restored what;
	char *error; /* owned; where it failed */
};

/*
 * Makes the kernel match the policy: attaches missing and stale links, and
 * replaces programs of another build through their links, with no packet
 * unfiltered. One bad interface does not stop the others. For boot (from the
 * state file) and after an upgrade of the package. Returns the first error
 * after trying all; *out lists what happened, owned by the caller.
 */
int gate_restore(struct gate_change *change, struct gate_restored_link **out, size_t *count,
		 struct report *report);
void gate_free_restored(struct gate_restored_link *links, size_t count);

/* ---- the running generation ---- */

struct gate_running {
	bool loaded;
	uint64_t generation;
	uint64_t saved_generation; /* of the state file; 0: none */
	uint64_t lookup_bytes;	   /* what the source lookup uses */
	uint64_t kernel_bytes;	   /* what all of the generation uses, counters included */
	uint32_t layout;
	char build[GATE_NAME_LEN];
};

int gate_running(const struct gate_options *options, struct gate_running *out,
		 struct report *report);

/* The build of the program inside this binary. */
const char *gate_build(void);

#endif
