// SPDX-License-Identifier: Apache-2.0
/* The state directory, and the whole examination of this host: with nothing, and with a gate. */
#include <errno.h>

#include "agent/gate/document.h"
#include "agent/gate/state.h"
#include "tests/unit/doctor_test.h"

/* ---- state ---- */

static void write_state(const struct host *host, const char *name, const char *text, size_t length)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", host->state_dir, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
}

static bool exists(const struct host *host, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", host->state_dir, name);
	return access(path, F_OK) == 0;
}

static void write_policy(const struct host *host, const char *name, uint64_t generation,
			 const char *device)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	struct policy_link link = {.enforce = true};
	_cleanup_free_ char *text = NULL;
	size_t length;

	assert_int_equal(policy_new(&policy), 0);
	policy->generation = generation;
	snprintf(link.device, sizeof(link.device), "%s", device ? device : "");
	if (device)
		assert_int_equal(policy_set_link(policy, &link, NULL), 0);
	assert_int_equal(document_write(policy, &text, &length), 0);
	write_state(host, name, text, length);
}

static void the_state_is_compared(void **state)
{
	struct host *host = *state;

	doctor_check_state(&host->doctor);
	expect(host, DOCTOR_OK, "state", "", "nothing is saved", NULL);
	host->doctor.running = (struct gate_running){.loaded = true, .generation = 7};
	doctor_check_state(&host->doctor);
	expect(host, DOCTOR_WARN, "state", "", "without the policy that runs", "any change");

	write_policy(host, STATE_FILE, 5, NULL);
	clear(host);
	doctor_check_state(&host->doctor);
	expect(host, DOCTOR_WARN, "state", "", "generation 5 is saved, but 7 runs", "any change");
	policy_free(TAKE_PTR(host->doctor.saved));
	write_policy(host, STATE_FILE, 7, NULL);
	clear(host);
	doctor_check_state(&host->doctor);
	expect(host, DOCTOR_OK, "state", "", "generation 7 is saved, the one that runs", NULL);
}

static void damaged_state_is_told_and_left(void **state)
{
	struct host *host = *state;

	write_state(host, STATE_FILE, "rubbish\n", 8);
	doctor_check_state(&host->doctor);
	expect(host, DOCTOR_FAIL, "state", "", STATE_FILE, "no better");
	assert_true(exists(host, STATE_FILE));

	write_policy(host, STATE_PREVIOUS, 4, NULL);
	write_state(host, STATE_DAMAGED, "old rubbish\n", 12);
	clear(host);
	doctor_check_state(&host->doctor);
	expect(host, DOCTOR_FAIL, "state", "", STATE_FILE, "generation 4");
	expect(host, DOCTOR_WARN, "state", "", STATE_DAMAGED, "remove");
	assert_true(exists(host, STATE_FILE));
}

/* ---- the whole examination ---- */

static void examine(struct host *host, const char *device)
{
	struct report report = {0};

	clear(host);
	if (doctor_examine(&host->options, device, &host->findings, &report) < 0)
		fail_msg("%s", report.error);
	assert_int_equal(report.warning_count, 0);
}

static void missing_devices_are_errors(void **state)
{
	struct host *host = *state;
	struct report report = {0};

	assert_int_equal(doctor_examine(&host->options, "nosuch0", &host->findings, &report),
			 -ENODEV);
	assert_int_equal(report.kind, REPORT_NOT_FOUND);
	assert_int_equal(host->findings.count, 0);
	report_clear(&report);
}

static void an_examination_changes_nothing(void **state)
{
	struct host *host = *state;

	write_state(host, STATE_FILE, "rubbish\n", 8);
	examine(host, NULL);
	expect(host, DOCTOR_FAIL, "state", "", STATE_FILE, NULL);
	assert_true(exists(host, STATE_FILE));
	assert_false(exists(host, STATE_DAMAGED));
	assert_int_equal(access(host->pin_dir, F_OK), -1);
}

static void pins_want_a_bpf_file_system(void **state)
{
	struct host *host = *state;

	snprintf(host->pin_dir, sizeof(host->pin_dir), "%s/a/b", host->state_dir);
	examine(host, NULL);
	expect(host, DOCTOR_FAIL, "bpffs", "", "is not on a BPF file system", "--pin-dir");
}

static void saved_links_are_missing_where_nothing_is_loaded(void **state)
{
	struct host *host = *state;

	if (geteuid() != 0) {
		printf("skipped: not root\n");
		skip();
	}
	write_policy(host, STATE_FILE, 3, "nosuch0");
	examine(host, NULL);
	expect(host, DOCTOR_FAIL, "link", "nosuch0", "no such interface", "restore");
	expect(host, DOCTOR_OK, "state", "", "generation 3 is saved", NULL);
}

static void every_finding_is_whole(const struct host *host)
{
	const struct doctor_finding *item;
	size_t i;

	for (i = 0; i < host->findings.count; i++) {
		item = &host->findings.items[i];
		assert_non_null(item->text);
		assert_null(strchr(item->text, '\n'));
		assert_true((item->level != DOCTOR_OK) == (item->hint != NULL));
	}
}

static void attach_gate(struct host *host, const char *device)
{
	_cleanup_(gate_endp) struct gate_change *change = NULL;
	struct gate_attach attach = {.device = device, .enforce = true, .force = true};
	struct gate_attached attached;
	struct report report = {0};

	if (gate_begin(&host->options, &change, &report) < 0 ||
	    gate_attach(change, &attach, &attached, &report) < 0)
		fail_msg("%s", report.error);
	report_clear(&report);
}

static void a_gate_is_recognised(void **state)
{
	struct host *host = *state;

	if (geteuid() != 0 || access("/sys/fs/bpf", W_OK) < 0 ||
	    !run("ip link add v0 type veth peer name v1; ip addr add 192.0.2.1/24 dev v0; "
		 "ip link set v0 up; ip link set v1 up; ip link show dev v0")) {
		printf("skipped: not root, or no veth\n");
		skip();
	}
	examine(host, "v0");
	expect(host, DOCTOR_OK, "kernel", "", "Linux", NULL);
	expect(host, DOCTOR_OK, "bpf", "", "can be loaded", NULL);
	expect(host, DOCTOR_OK, "capabilities", "", "CAP_BPF", NULL);
	expect(host, DOCTOR_OK, "bpffs", "", host->pin_dir, NULL);
	expect(host, DOCTOR_OK, "driver", "v0", "veth", NULL);
	expect(host, DOCTOR_WARN, "link", "", "nothing is filtered", NULL);
	expect(host, DOCTOR_OK, "tunnel", "", "no tunnel", NULL);
	every_finding_is_whole(host);

	attach_gate(host, "v0");
	examine(host, NULL);
	expect(host, DOCTOR_OK, "link", "v0", "(native), enforces", NULL);
	expect(host, DOCTOR_OK, "driver", "v0", "runs XDP natively", NULL);
	expect(host, DOCTOR_OK, "xdp-other", "v0", "no other", NULL);
	expect(host, DOCTOR_OK, "state", "", "the one that runs", NULL);
	assert_null(find(host, "build", "v0", ""));
	assert_null(find(host, "driver", "v1", ""));
	every_finding_is_whole(host);

	/* Another gate finds this one in its way. */
	snprintf(host->pin_dir, sizeof(host->pin_dir), "/sys/fs/bpf/apimgate-other-%d", getpid());
	examine(host, "v0");
	expect(host, DOCTOR_FAIL, "xdp-other", "v0", "'apimgate'", "--pin-dir");
	snprintf(host->pin_dir, sizeof(host->pin_dir), "/sys/fs/bpf/apimgate-doctor-%d", getpid());

	assert_true(run("ip link del v0; ip link add v0 type veth peer name v1"));
	examine(host, NULL);
	expect(host, DOCTOR_FAIL, "link", "v0", "made anew", "restore");
	assert_true(run("ip link del v0"));
	examine(host, NULL);
	expect(host, DOCTOR_FAIL, "link", "v0", "is gone", "detach");
}

static void tunnels_are_named(void **state)
{
	struct host *host = *state;

	if (geteuid() != 0 || !run("ip tuntap add mode tun name tun7 && ip link set tun7 up")) {
		printf("skipped: not root, or no tun\n");
		skip();
	}
	examine(host, NULL);
	expect(host, DOCTOR_WARN, "tunnel", "tun7", "never passed the gate in clear", "nftables");
	assert_true(run("ip link del tun7"));
	if (!run("ip link add vx7 type vxlan id 7 dstport 4789 local 192.0.2.1 && "
		 "ip link set vx7 up"))
		return;
	examine(host, NULL);
	expect(host, DOCTOR_WARN, "tunnel", "vx7", "vxlan: traffic that leaves vx7",
	       "link attach dev vx7");
	assert_true(run("ip link del vx7"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_state_is_compared),
		TEST(damaged_state_is_told_and_left),
		TEST(missing_devices_are_errors),
		TEST(an_examination_changes_nothing),
		TEST(pins_want_a_bpf_file_system),
		TEST(saved_links_are_missing_where_nothing_is_loaded),
		TEST(a_gate_is_recognised),
		TEST(tunnels_are_named),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
