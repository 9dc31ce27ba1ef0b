/* SPDX-License-Identifier: Apache-2.0 */
/* A host to be examined, and what is expected of the findings. */
#ifndef APIMGATE_TESTS_UNIT_DOCTOR_TEST_H
#define APIMGATE_TESTS_UNIT_DOCTOR_TEST_H

#include <ftw.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/gate/doctor_internal.h"

/* A host that is made up, and the places of one that is not. */
struct host {
	char state_dir[64];
	char pin_dir[96];
	struct gate_options options;
	struct doctor_findings findings;
	struct doctor doctor;
};

static inline bool run(const char *command)
{
	char line[512];

	snprintf(line, sizeof(line), "PATH=$PATH:/sbin:/usr/sbin; { %s; } >/dev/null 2>&1",
		 command);
	return system(line) == 0;
}

static inline int remove_one(const char *path, const struct stat *status, int type,
			     struct FTW *where)
{
	(void)status;
	(void)type;
	(void)where;
	remove(path);
	return 0;
}

static inline void remove_all(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline int make_host(void **state)
{
	struct host *host = calloc(1, sizeof(*host));

	if (!host)
		return -1;
	snprintf(host->state_dir, sizeof(host->state_dir), "/tmp/apimgate-doctor-XXXXXX");
	if (!mkdtemp(host->state_dir)) {
		free(host);
		return -1;
	}
	snprintf(host->pin_dir, sizeof(host->pin_dir), "/sys/fs/bpf/apimgate-doctor-%d", getpid());
	host->options =
		(struct gate_options){.pin_dir = host->pin_dir, .state_dir = host->state_dir};
	host->doctor = (struct doctor){.options = &host->options,
				       .findings = &host->findings,
				       .kernel = KERNEL_VERSION(5, 15, 0)};
	*state = host;
	return 0;
}

static inline int free_host(void **state)
{
	struct host *host = *state;

	doctor_free(&host->findings);
	policy_free(host->doctor.policy);
	policy_free(host->doctor.saved);
	remove_all(host->pin_dir);
	remove_all(host->state_dir);
	free(host);
	return 0;
}

static inline int enter_namespace(void **state)
{
	(void)state;
	if (geteuid() == 0 && unshare(CLONE_NEWNET) < 0)
		printf("no network namespace: %m\n");
	return 0;
}

/* ---- findings ---- */

static inline const struct doctor_finding *find(const struct host *host, const char *check,
						const char *device, const char *text)
{
	const struct doctor_finding *item;
	size_t i;

	for (i = 0; i < host->findings.count; i++) {
		item = &host->findings.items[i];
		if (!strcmp(item->check, check) && !strcmp(item->device, device) &&
		    strstr(item->text, text))
			return item;
	}
	return NULL;
}

static inline void show(const struct host *host)
{
	const struct doctor_finding *item;
	size_t i;

	for (i = 0; i < host->findings.count; i++) {
		item = &host->findings.items[i];
		printf("%d %-12s %-8s %s | %s\n", item->level, item->check, item->device,
		       item->text, item->hint ? item->hint : "");
	}
}

/* There is such a finding, of that level; what is not fine has a hint. */
static inline void expect(const struct host *host, enum doctor_level level, const char *check,
			  const char *device, const char *text, const char *hint)
{
	const struct doctor_finding *item = find(host, check, device, text);

	if (!item || item->level != level || (hint && (!item->hint || !strstr(item->hint, hint)))) {
		show(host);
		fail_msg("%s '%s' (%s) is not as expected", check, text, hint ? hint : "");
		return;
	}
	if (item->level != DOCTOR_OK)
		assert_non_null(item->hint);
}

static inline void clear(struct host *host)
{
	doctor_free(&host->findings);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_host, free_host)

#endif
