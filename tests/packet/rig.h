/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate under test. One pair of programs, loaded as a link loads it but
 * attached to nothing, over a gate of its own. Every frame goes through both
 * programs, and what they say and count has to agree; so that each test only
 * says which reason it expects.
 *
 * A failed expectation is noted and printed, and the test goes on: a table
 * shows all of its bad rows. main.c fails the test at its end.
 */
#ifndef APIMGATE_TESTS_PACKET_RIG_H
#define APIMGATE_TESTS_PACKET_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/gate/gate.h"
#include "agent/gate/kernel.h"
#include "agent/gate/link.h"
#include "tests/packet/frame.h"

struct rig {
	struct gate_options options;
	struct kernel *kernel;
	struct link_programs programs;
	struct policy *policy; /* what runs, as the kernel gives it back */
	char *text;	       /* what it was made from, where that was text */
	bool enforces;	       /* what the link is set to */
	uint64_t frames;       /* that were run */
	uint32_t slow;	       /* how many times slower than a real machine */
	uint64_t expected[GATE_REASON_COUNT];
	unsigned int failures; /* of this test */
};

extern struct rig rig;

/* What both programs said of one frame. */
struct outcome {
	bool ran; /* false: a failure is noted */
	bool drops;
	struct gate_explanation said;
};

/* 0, 77 where this machine cannot run it (the reason is printed), or 1. */
int rig_open(void);
void rig_close(void);

/* A directory for pins that is removed at the end. Owned by the caller. */
char *rig_pin_dir(const char *name);

/*
 * Replaces the policy. Statements end with ';':
 *	set NAME PREFIX[@+SECONDS]...	the expiry counts from now
 *	platform PREFIX...		instead of the two that are there
 *	service NAME PROTO PORTS TO SET[,SET...]	PORTS and TO: a list, or *
 *	default drop		nonip drop
 */
void rig_policy(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same with an edit of a new gate's policy. Returns what gate_commit() does. */
int rig_change(int (*change)(struct policy *policy, void *data), void *data);
/* Set and enforcement of the link; deadline as in the ABI. */
void rig_link(enum gate_link_policy policy, uint64_t deadline);
uint64_t rig_boot_time(void);

/* Runs the frame and checks everything that must hold of any frame. */
struct outcome rig_run(const uint8_t *frame, size_t length);
/* The same, and it has to be this reason, in the program and in the model. */
struct outcome rig_expect_frame(const struct frame *frame, enum gate_reason reason);
struct outcome rig_expect(enum gate_reason reason, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A reason that only the kernel knows: the model is not asked. */
struct outcome rig_expect_reply(bool reply, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Runs the frame and compares with the model. False: a failure is noted. */
bool rig_agrees(const uint8_t *frame, size_t length);

/* Only the program, many times. */
void rig_flood(const struct frame *frame, uint32_t times);

void rig_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Says with every failure what was tried; NULL: nothing. */
void rig_context(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* How many rounds of n to do on this machine. */
uint32_t rig_rounds(uint32_t n);

struct gate_cpu rig_counters(void);
/* Something else has counted, or made counters zero. */
void rig_forget(void);
/* The mask of the services with these one-letter names. */
uint64_t rig_services(const char *letters);
/* Packets of the entry. */
uint64_t rig_hits(const char *prefix);

/* ---- the list of tests ---- */

void rig_add_test(const char *name, void (*run)(const void *row), const void *row);

void add_battery_tests(void);
void add_reason_tests(void);
void add_reply_tests(void);
void add_truncation_tests(void);
void add_prefix_tests(void);
void add_fragment_tests(void);
void add_header_tests(void);
void add_service_tests(void);
void add_link_tests(void);
void add_event_tests(void);
void add_source_tests(void);
void add_large_tests(void);
void add_lookup_tests(void);
void add_random_tests(void);
void add_fuzz_tests(void);
/* The last one: was every reason expected by some test? */
void add_completeness_test(void);

#endif
