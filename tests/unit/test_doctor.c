// SPDX-License-Identifier: Apache-2.0
/* The checks on hosts that are made up: Azure's, old kernels, odd policies. */
#include <linux/if_link.h>
#include <time.h>

#include "tests/unit/doctor_test.h"

/* ---- devices ---- */

static struct iface made_up(const char *name, const char *driver)
{
	struct iface iface = {.ifindex = 1U << 30,
			      .kind = IFACE_ETHERNET,
			      .mtu = 1500,
			      .rx_queues = 2,
			      .is_up = true,
			      .has_address = true};

	snprintf(iface.name, sizeof(iface.name), "%s", name);
	snprintf(iface.driver, sizeof(iface.driver), "%s", driver);
	return iface;
}

static void a_plain_azure_nic_is_fine(void **state)
{
	struct host *host = *state;
	struct iface eth0 = made_up("eth0", "hv_netvsc");
	size_t i;

	doctor_check_device(&host->doctor, &eth0);
	for (i = 0; i < host->findings.count; i++)
		if (host->findings.items[i].level != DOCTOR_OK)
			fail_msg("%s", host->findings.items[i].text);
	expect(host, DOCTOR_OK, "driver", "eth0", "native XDP since Linux 5.6", NULL);
	expect(host, DOCTOR_OK, "mtu", "eth0", "up to 3506", NULL);
	expect(host, DOCTOR_OK, "xdp-other", "eth0", "no other", NULL);
}

static void offloads_and_mtu_are_seen(void **state)
{
	struct host *host = *state;
	struct iface eth0 = made_up("eth0", "hv_netvsc");

	eth0.mtu = 9000;
	eth0.lro = eth0.gro_hw = eth0.rx_vlan_offload = 1;
	eth0.rx_queues = 1;
	doctor_check_device(&host->doctor, &eth0);
	expect(host, DOCTOR_WARN, "mtu", "eth0", "more than the 3506 that hv_netvsc takes",
	       "`ip link set dev eth0 mtu 3506`");
	expect(host, DOCTOR_WARN, "lro", "eth0", "LRO is on", "`ethtool -K eth0 lro off`");
	expect(host, DOCTOR_WARN, "gro-hw", "eth0", "is on", "rx-gro-hw off");
	expect(host, DOCTOR_OK, "vlan-offload", "eth0", "strips VLAN tags", NULL);
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		expect(host, DOCTOR_WARN, "queues", "eth0", "one receive queue",
		       "`ethtool -L eth0 combined");

	/* What runs natively does so whatever the features say. */
	clear(host);
	eth0.xdp_attach_mode = XDP_ATTACHED_DRV;
	doctor_check_device(&host->doctor, &eth0);
	expect(host, DOCTOR_OK, "driver", "eth0", "runs XDP natively", NULL);
	expect(host, DOCTOR_OK, "gro-hw", "eth0", "all the same", NULL);
	expect(host, DOCTOR_OK, "mtu", "eth0", "MTU 9000", NULL);
}

static void unknown_features_are_not_judged(void **state)
{
	struct host *host = *state;
	struct iface eth0 = made_up("eth0", "hv_netvsc");

	eth0.lro = eth0.gro_hw = eth0.rx_vlan_offload = -1;
	eth0.rx_queues = 0;
	doctor_check_device(&host->doctor, &eth0);
	assert_null(find(host, "lro", "eth0", ""));
	assert_null(find(host, "gro-hw", "eth0", ""));
	assert_null(find(host, "vlan-offload", "eth0", ""));
	assert_null(find(host, "queues", "eth0", ""));
}

static void kernels_and_drivers_decide_the_mode(void **state)
{
	struct host *host = *state;
	struct iface mana = made_up("eth0", "mana"), virtio = made_up("eth1", "virtio_net");
	struct iface strange = made_up("eth2", "strange"), none = made_up("eth3", "");

	doctor_check_device(&host->doctor, &mana);
	expect(host, DOCTOR_WARN, "driver", "eth0", "mana has native XDP since Linux 5.17",
	       "newer kernel");
	virtio.mtu = 9000;
	doctor_check_device(&host->doctor, &virtio);
	expect(host, DOCTOR_WARN, "mtu", "eth1", "too old for larger frames", "mtu 3506");
	doctor_check_device(&host->doctor, &strange);
	expect(host, DOCTOR_WARN, "driver", "eth2", "strange is not known to have native XDP",
	       "generic");
	doctor_check_device(&host->doctor, &none);
	expect(host, DOCTOR_WARN, "driver", "eth3", "the driver is not known", NULL);

	clear(host);
	host->doctor.kernel = KERNEL_VERSION(6, 12, 0);
	doctor_check_device(&host->doctor, &virtio);
	expect(host, DOCTOR_OK, "mtu", "eth1", "frames of several buffers work here", NULL);
	mana.mtu = 4000;
	doctor_check_device(&host->doctor, &mana);
	expect(host, DOCTOR_WARN, "mtu", "eth0", "no frames of several buffers", "mtu 3506");
}

static void wrong_places_are_told(void **state)
{
	struct host *host = *state;
	struct iface vf = made_up("enP1s1", "mlx5_core"), bond = made_up("bond0", "bonding");
	struct iface vlan = made_up("eth0.5", "802.1Q VLAN Support");

	vf.kind = IFACE_AZURE_VF;
	snprintf(vf.master, sizeof(vf.master), "eth0");
	doctor_check_device(&host->doctor, &vf);
	expect(host, DOCTOR_FAIL, "attach", "enP1s1", "attach to eth0", "link attach dev eth0");
	assert_int_equal(host->findings.count, 1);
	bond.kind = IFACE_BOND;
	doctor_check_device(&host->doctor, &bond);
	expect(host, DOCTOR_FAIL, "attach", "bond0", "attach to its members", "link attach");
	vlan.kind = IFACE_VLAN;
	snprintf(vlan.lower, sizeof(vlan.lower), "eth0");
	doctor_check_device(&host->doctor, &vlan);
	expect(host, DOCTOR_WARN, "attach", "eth0.5", "VLAN device on eth0",
	       "`apimgate link attach dev eth0`");
}

static void a_vf_is_examined_with_its_synthetic_interface(void **state)
{
	struct host *host = *state;
	struct iface ifaces[] = {made_up("eth0", "hv_netvsc"), made_up("enP1s1", "mlx5_core")};

	ifaces[1].kind = IFACE_AZURE_VF;
	ifaces[1].lro = 1;
	snprintf(ifaces[1].master, sizeof(ifaces[1].master), "eth0");
	host->doctor.ifaces = ifaces;
	host->doctor.iface_count = ARRAY_SIZE(ifaces);
	doctor_check_device(&host->doctor, &ifaces[0]);
	expect(host, DOCTOR_OK, "vf", "eth0", "its VF is enP1s1 (mlx5_core)", NULL);
	expect(host, DOCTOR_WARN, "lro", "enP1s1", "LRO is on", "ethtool -K enP1s1 lro off");
	expect(host, DOCTOR_OK, "lro", "eth0", "LRO is off", NULL);
}

static void bonds_want_a_gate_on_every_member(void **state)
{
	struct host *host = *state;
	struct iface ifaces[] = {made_up("eth0", "ixgbe"), made_up("eth1", "ixgbe")};
	struct gate_link_info links[] = {{.device = "eth0"}, {.device = "eth1"}};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ifaces); i++) {
		ifaces[i].kind = IFACE_BOND_MEMBER;
		snprintf(ifaces[i].master, sizeof(ifaces[i].master), "bond0");
	}
	host->doctor.ifaces = ifaces;
	host->doctor.iface_count = ARRAY_SIZE(ifaces);
	host->doctor.links = links;
	host->doctor.link_count = ARRAY_SIZE(links);
	doctor_check_device(&host->doctor, &ifaces[0]);
	assert_null(find(host, "bond", "eth0", ""));
	host->doctor.link_count = 1;
	doctor_check_device(&host->doctor, &ifaces[0]);
	expect(host, DOCTOR_FAIL, "bond", "eth0", "eth1, the other member of bond0, has no gate",
	       "link attach dev eth1");
}

static void other_programs_are_named(void **state)
{
	struct host *host = *state;
	struct iface eth0 = made_up("eth0", "hv_netvsc");
	struct gate_link_info link = {.device = "eth0", .program_id = 12};
	struct policy_link wanted = {.device = "eth0"};

	eth0.xdp_program_id = 12;
	eth0.xdp_attach_mode = XDP_ATTACHED_DRV;
	snprintf(eth0.xdp_program_name, sizeof(eth0.xdp_program_name), "xdp_dispatcher");
	doctor_check_device(&host->doctor, &eth0);
	expect(host, DOCTOR_WARN, "xdp-other", "eth0", "'xdp_dispatcher', id 12 (native)",
	       "xdp off");

	clear(host);
	host->doctor.links = &link;
	host->doctor.link_count = 1;
	doctor_check_device(&host->doctor, &eth0);
	expect(host, DOCTOR_OK, "xdp-other", "eth0", "no other", NULL);

	clear(host);
	link.program_id = 13;
	assert_int_equal(policy_new(&host->doctor.policy), 0);
	assert_int_equal(policy_set_link(host->doctor.policy, &wanted, NULL), 0);
	snprintf(eth0.xdp_program_name, sizeof(eth0.xdp_program_name), "apimgate");
	doctor_check_device(&host->doctor, &eth0);
	expect(host, DOCTOR_FAIL, "xdp-other", "eth0", "'apimgate'", "--pin-dir");
}

/* ---- links and policy ---- */

static void every_link_is_told(void **state)
{
	struct host *host = *state;
	struct timespec now;
	struct gate_link_info links[] = {
		{.device = "fine", .native = true, .enforce = true},
		{.device = "audit", .native = true},
		{.device = "trial", .native = true, .enforce = true},
		{.device = "over", .native = true, .enforce = true, .deadline = 1, .expired = true},
		{.device = "slow", .enforce = true, .other_build = true},
		{.device = "meant", .enforce = true, .asked = POLICY_MODE_GENERIC},
		{.device = "anew", .state = GATE_LINK_STALE, .ifindex = 7},
		{.device = "gone", .state = GATE_LINK_STALE},
		{.device = "missing", .state = GATE_LINK_MISSING, .ifindex = 7},
		{.device = "nowhere", .state = GATE_LINK_MISSING},
	};

	clock_gettime(CLOCK_BOOTTIME, &now);
	links[2].deadline = ((uint64_t)now.tv_sec + 100) * 1000000000;
	host->doctor.links = links;
	host->doctor.link_count = ARRAY_SIZE(links);
	doctor_check_links(&host->doctor);
	expect(host, DOCTOR_OK, "link", "fine", "(native), enforces", NULL);
	expect(host, DOCTOR_WARN, "link", "audit", "audit", "link enforce dev audit");
	expect(host, DOCTOR_WARN, "link", "trial", "on trial: falls back to audit in 9",
	       "link confirm dev trial");
	expect(host, DOCTOR_WARN, "link", "over", "not confirmed", "link enforce dev over");
	expect(host, DOCTOR_WARN, "mode", "slow", "generic", NULL);
	expect(host, DOCTOR_WARN, "build", "slow", "another build", "restore");
	assert_null(find(host, "mode", "meant", ""));
	expect(host, DOCTOR_FAIL, "link", "anew", "made anew", "restore");
	expect(host, DOCTOR_FAIL, "link", "gone", "is gone", "link detach dev gone");
	expect(host, DOCTOR_FAIL, "link", "missing", "has none", "restore");
	expect(host, DOCTOR_FAIL, "link", "nowhere", "no such interface", "detach dev nowhere");

	clear(host);
	host->doctor.link_count = 0;
	doctor_check_links(&host->doctor);
	expect(host, DOCTOR_WARN, "link", "", "nothing is filtered", "link attach");
}

static void add_service(struct policy *policy, const char *name, const char *set)
{
	struct policy_service service = {.proto = POLICY_TCP, .port_count = 1};

	snprintf(service.name, sizeof(service.name), "%s", name);
	service.ports[0] = (struct policy_ports){443, 443};
	service.sets = 1ULL << policy_find_set(policy, set, NULL);
	assert_int_equal(policy_add_service(policy, &service, NULL), 0);
}

static void allow(struct policy *policy, const char *set, const char *text, uint64_t expires)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, strlen(text), &prefix), PREFIX_OK);
	assert_int_equal(policy_add_entry(policy, (uint8_t)policy_find_set(policy, set, NULL),
					  &prefix, NULL, expires, NULL, NULL),
			 0);
}

static void policies_must_make_sense(void **state)
{
	struct host *host = *state;
	struct policy *policy;

	assert_int_equal(policy_new(&host->doctor.policy), 0);
	policy = host->doctor.policy;
	doctor_check_policy(&host->doctor);
	expect(host, DOCTOR_WARN, "policy", "", "everything gets in", "service add");
	policy->default_drop = true;
	doctor_check_policy(&host->doctor);
	expect(host, DOCTOR_WARN, "policy", "", "only the platform and replies", "service add");

	clear(host);
	assert_true(policy_add_set(policy, "apim", POLICY_OWNER_STATIC, NULL) >= 0);
	add_service(policy, "web", "apim");
	allow(policy, "apim", "198.51.100.0/24", 1);
	doctor_check_policy(&host->doctor);
	expect(host, DOCTOR_WARN, "policy", "", "service 'web' lets in nobody", "allow add");
	expect(host, DOCTOR_OK, "policy", "", "1 service, default drop", NULL);

	clear(host);
	allow(policy, "apim", "0.0.0.0/0", 0);
	assert_int_equal(policy_replace_entries(policy, GATE_SET_PLATFORM, NULL, 0,
						&(struct policy_change){0}, NULL),
			 0);
	doctor_check_policy(&host->doctor);
	assert_null(find(host, "policy", "", "nobody"));
	expect(host, DOCTOR_WARN, "policy", "", "0.0.0.0/0 in set 'apim' lets in everybody",
	       "allow delete 0.0.0.0/0 set apim");
	expect(host, DOCTOR_WARN, "policy", "", "'azure-platform' is empty", "168.63.129.16");
}

static void an_unreadable_policy_is_a_failure(void **state)
{
	struct host *host = *state;
	char why[] = "layout 99 is pinned";

	host->doctor.policy_error = why;
	doctor_check_links(&host->doctor);
	assert_int_equal(host->findings.count, 0);
	doctor_check_policy(&host->doctor);
	expect(host, DOCTOR_FAIL, "policy", "", "layout 99 is pinned", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_plain_azure_nic_is_fine),
		TEST(offloads_and_mtu_are_seen),
		TEST(unknown_features_are_not_judged),
		TEST(kernels_and_drivers_decide_the_mode),
		TEST(wrong_places_are_told),
		TEST(a_vf_is_examined_with_its_synthetic_interface),
		TEST(bonds_want_a_gate_on_every_member),
		TEST(other_programs_are_named),
		TEST(every_link_is_told),
		TEST(policies_must_make_sense),
		TEST(an_unreadable_policy_is_a_failure),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
