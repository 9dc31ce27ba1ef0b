// SPDX-License-Identifier: Apache-2.0
/*
 * Interfaces as the kernel makes them, in a network namespace of the test's
 * own; and those that no test machine has (Azure's), made up.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <net/if_arp.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cmocka.h>

#include "agent/gate/iface_internal.h"

static bool run(const char *command)
{
	char line[512];

	snprintf(line, sizeof(line), "PATH=$PATH:/sbin:/usr/sbin; { %s; } >/dev/null 2>&1",
		 command);
	return system(line) == 0;
}

static int enter_namespace(void **state)
{
	(void)state;
	if (geteuid() == 0 && unshare(CLONE_NEWNET) < 0)
		printf("no network namespace: %m\n");
	return 0;
}

static void need_root(void)
{
	if (geteuid() == 0)
		return;
	printf("skipped: not root\n");
	skip();
}

/* Runs ip(8), or skips where the kernel has no such interfaces. */
static void need(const char *command)
{
	need_root();
	if (run(command))
		return;
	printf("skipped: '%s' does not work here\n", command);
	skip();
}

static struct iface read_iface(const char *name)
{
	struct report report = {0};
	struct iface iface;

	if (iface_read(name, &iface, &report) < 0)
		fail_msg("%s: %s", name, report.error);
	return iface;
}

static void expect_error(int r, struct report *report, const char *text)
{
	assert_true(r < 0);
	assert_true(report->kind != REPORT_OK);
	assert_non_null(report->error);
	if (!strstr(report->error, text))
		fail_msg("'%s' does not say '%s'", report->error, text);
	report_clear(report);
}

static void expect_warning(const struct iface *iface, const char *text)
{
	struct report report = {0};

	assert_int_equal(iface_check_attach(iface, false, &report), 0);
	assert_int_equal(report.warning_count, 1);
	if (!strstr(report.warnings[0], text))
		fail_msg("'%s' does not say '%s'", report.warnings[0], text);
	report_clear(&report);
}

static void expect_silence(const struct iface *iface)
{
	struct report report = {0};

	assert_int_equal(iface_check_attach(iface, false, &report), 0);
	assert_int_equal(report.warning_count, 0);
}

/* ---- names ---- */

static void odd_names_are_usage_errors(void **state)
{
	static const char *const names[] = {"",	   ".",	   "..",  "a/b",
					    "a b", "a\nb", "a:1", "0123456789abcdef"};
	struct report report = {0};
	struct iface iface;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(iface_read(names[i], &iface, &report), -EINVAL);
		assert_int_equal(report.kind, REPORT_USAGE);
		report_clear(&report);
	}
}

static void missing_names_list_what_there_is(void **state)
{
	struct report report = {0};
	struct iface iface;

	(void)state;
	assert_int_equal(iface_read("nosuch0", &iface, &report), -ENODEV);
	assert_int_equal(report.kind, REPORT_NOT_FOUND);
	assert_non_null(strstr(report.error, "nosuch0"));
	assert_non_null(strstr(report.error, "there are: lo"));
	report_clear(&report);
}

static void long_lists_are_cut(void **state)
{
	struct report report = {0};
	struct iface iface;

	(void)state;
	need("for i in $(seq 30); do ip link add many-$i-abcdefg type bridge; done");
	expect_error(iface_read("nosuch0", &iface, &report), &report, ", ...");
	assert_true(run("for i in $(seq 30); do ip link del many-$i-abcdefg; done"));
}

/* ---- kinds ---- */

static void loopback(void **state)
{
	struct iface lo = read_iface("lo");
	struct report report = {0};

	(void)state;
	assert_int_equal(lo.kind, IFACE_LOOPBACK);
	assert_int_equal(lo.ifindex, 1);
	assert_int_equal(iface_check_attach(&lo, false, &report), -EPERM);
	assert_int_equal(report.kind, REPORT_GUARD);
	assert_non_null(strstr(report.hint, "force"));
	report_clear(&report);
	assert_int_equal(iface_check_attach(&lo, true, &report), 0);
}

static void veth(void **state)
{
	struct iface iface;

	(void)state;
	need("ip link add v0 numrxqueues 2 type veth peer name v1");
	iface = read_iface("v0");
	assert_int_equal(iface.kind, IFACE_ETHERNET);
	assert_string_equal(iface.driver, "veth");
	assert_string_equal(iface.link_kind, "veth");
	/* Its IFLA_LINK is the peer, which is not below it. */
	assert_string_equal(iface.lower, "");
	assert_int_equal(iface.mtu, 1500);
	assert_true(iface.rx_queues == 1 || iface.rx_queues == 2);
	assert_false(iface.is_up);
	assert_false(iface.has_address);
	assert_int_equal(iface.lro, 0);
	assert_int_equal(iface.gro_hw, 0);
	assert_in_range(iface.rx_vlan_offload, 0, 1);
	assert_int_equal(iface.xdp_program_id, 0);
	expect_silence(&iface);

	assert_true(run("ip addr add 192.0.2.1/24 dev v0; ip link set v0 mtu 3000 up"));
	iface = read_iface("v0");
	assert_true(iface.is_up);
	assert_true(iface.has_address);
	assert_int_equal(iface.mtu, 3000);
	assert_true(run("ip link del v0"));
}

static void other_namespace(void **state)
{
	struct iface iface;

	(void)state;
	need("ip link add v0 type veth peer name v1; unshare --net sleep 2 & sleep 0.3; "
	     "ip link set v1 netns $!");
	iface = read_iface("v0");
	assert_string_equal(iface.lower, "");
	assert_true(run("ip link del v0"));
}

static void dummy(void **state)
{
	struct iface iface;

	(void)state;
	need("ip link add d0 type dummy");
	iface = read_iface("d0");
	assert_int_equal(iface.kind, IFACE_ETHERNET);
	assert_string_equal(iface.driver, "dummy");
	expect_silence(&iface);
	assert_true(run("ip link del d0"));
}

static void vlan(void **state)
{
	struct iface iface;

	(void)state;
	need("ip link add v0 type veth peer name v1; ip link add link v0 name v0.5 type vlan id 5 "
	     "|| { ip link del v0; false; }");
	iface = read_iface("v0.5");
	assert_int_equal(iface.kind, IFACE_VLAN);
	assert_string_equal(iface.lower, "v0");
	expect_warning(&iface, "VLAN device on v0");
	assert_true(run("ip link del v0"));
}

static void bond(void **state)
{
	struct report report = {0};
	struct iface iface;

	(void)state;
	need("ip link add bond9 type bond");
	iface = read_iface("bond9");
	assert_int_equal(iface.kind, IFACE_BOND);
	expect_error(iface_check_attach(&iface, false, &report), &report, "none yet");
	assert_true(run("ip link add v0 type veth peer name v1; ip link set v0 master bond9 && "
			"ip link set v1 master bond9"));
	/* By index, and the peer's may be the lower one. */
	assert_int_equal(iface_check_attach(&iface, true, &report), -EOPNOTSUPP);
	assert_true(strstr(report.error, "(v0, v1)") || strstr(report.error, "(v1, v0)"));
	report_clear(&report);
	iface = read_iface("v0");
	assert_int_equal(iface.kind, IFACE_BOND_MEMBER);
	assert_string_equal(iface.master, "bond9");
	expect_silence(&iface);
	assert_true(run("ip link del v0; ip link del bond9"));
}

static void bridge(void **state)
{
	struct iface iface;

	(void)state;
	need("ip link add br9 type bridge");
	assert_true(run("ip link add v0 type veth peer name v1; ip link set v0 master br9"));
	iface = read_iface("br9");
	assert_int_equal(iface.kind, IFACE_BRIDGE);
	expect_warning(&iface, "(v0)");
	iface = read_iface("v0");
	assert_int_equal(iface.kind, IFACE_ETHERNET);
	assert_string_equal(iface.master, "br9");
	expect_silence(&iface);
	assert_true(run("ip link del v0; ip link del br9"));
}

static void vxlan(void **state)
{
	struct iface iface;

	(void)state;
	need("ip link add vx0 type vxlan id 7 dstport 4789 local 192.0.2.1");
	iface = read_iface("vx0");
	assert_int_equal(iface.kind, IFACE_TUNNEL);
	assert_string_equal(iface.link_kind, "vxlan");
	expect_warning(&iface, "vx0 is a tunnel (vxlan)");
	assert_true(run("ip link del vx0"));
}

/* The program would take the IP header for an Ethernet header, and pass all. */
static void interfaces_without_ethernet_are_refused(void **state)
{
	struct report report = {0};
	struct iface iface;

	(void)state;
	need("ip tuntap add mode tun name tun9");
	iface = read_iface("tun9");
	assert_int_equal(iface.kind, IFACE_TUNNEL);
	expect_error(iface_check_attach(&iface, true, &report), &report, "no Ethernet frames");
	assert_true(run("ip link del tun9"));
}

/* ---- programs ---- */

static int load_pass(void)
{
	const struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "some_program", "GPL", pass, ARRAY_SIZE(pass),
			     NULL);
}

static void attached_programs_are_named(void **state)
{
	_cleanup_close_ int program = -1;
	struct iface iface;

	(void)state;
	need("ip link add v0 type veth peer name v1");
	program = load_pass();
	iface = read_iface("v0");
	if (program < 0 || bpf_xdp_attach((int)iface.ifindex, program, XDP_FLAGS_SKB_MODE, NULL)) {
		printf("skipped: no XDP program can be attached here\n");
		run("ip link del v0");
		skip();
	}
	iface = read_iface("v0");
	assert_int_not_equal(iface.xdp_program_id, 0);
	assert_int_equal(iface.xdp_attach_mode, XDP_ATTACHED_SKB);
	assert_string_equal(iface.xdp_program_name, "some_program");
	assert_int_equal(bpf_xdp_detach((int)iface.ifindex, XDP_FLAGS_SKB_MODE, NULL), 0);

	assert_int_equal(bpf_xdp_attach((int)iface.ifindex, program, XDP_FLAGS_DRV_MODE, NULL), 0);
	iface = read_iface("v0");
	assert_int_equal(iface.xdp_attach_mode, XDP_ATTACHED_DRV);
	assert_string_equal(iface.xdp_program_name, "some_program");
	assert_true(run("ip link del v0"));
}

/* ---- all of them ---- */

static void all_come_by_index(void **state)
{
	_cleanup_free_ struct iface *ifaces = NULL;
	struct iface one;
	size_t count, i;

	(void)state;
	need("for i in $(seq 60); do ip link add all$i type bridge; done");
	assert_int_equal(iface_read_all(&ifaces, &count, NULL), 0);
	assert_true(count > 60);
	for (i = 0; i < count; i++) {
		assert_true(i == 0 || ifaces[i].ifindex > ifaces[i - 1].ifindex);
		one = read_iface(ifaces[i].name);
		assert_memory_equal(&one, &ifaces[i], sizeof(one));
	}
	assert_true(run("for i in $(seq 60); do ip link del all$i; done"));
}

/* ---- Azure ---- */

static struct iface_link made_up(uint32_t ifindex, const char *name, const char *driver)
{
	struct iface_link link = {
		.iface = {.ifindex = ifindex, .is_up = true, .mtu = 1500},
		.hardware = ARPHRD_ETHER,
		.mac = {0x00, 0x22, 0x48, 0, 0, 1},
		.mac_length = 6,
	};

	snprintf(link.iface.name, sizeof(link.iface.name), "%s", name);
	snprintf(link.iface.driver, sizeof(link.iface.driver), "%s", driver);
	return link;
}

static void expect_vf(struct iface_link *items, size_t count, size_t vf)
{
	struct iface_links links = {.items = items, .count = count};
	struct report report = {0};

	iface_classify(&links);
	assert_int_equal(items[vf].iface.kind, IFACE_AZURE_VF);
	assert_string_equal(items[vf].iface.master, "eth0");
	assert_int_equal(iface_check_attach_among(&links, &items[vf].iface, true, &report),
			 -EOPNOTSUPP);
	assert_non_null(strstr(report.error, "attach to eth0, the synthetic interface"));
	assert_string_equal(report.hint, "`apimgate link attach dev eth0`");
	report_clear(&report);
}

static void azure_vfs_belong_to_their_synthetic_interface(void **state)
{
	static const char *const drivers[] = {"mlx4_en", "mlx5_core", "mana"};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(drivers); i++) {
		struct iface_link links[] = {
			made_up(2, "eth0", "hv_netvsc"),
			made_up(3, "enP1s1", drivers[i]),
		};

		/* Not paired yet: only the address tells. */
		expect_vf(links, ARRAY_SIZE(links), 1);
		links[1].master = 2;
		links[1].mac[5] = 9;
		expect_vf(links, ARRAY_SIZE(links), 1);
		assert_int_equal(links[0].iface.kind, IFACE_ETHERNET);
	}
}

static void other_interfaces_are_no_vfs(void **state)
{
	struct iface_link items[] = {
		made_up(2, "eth0", "hv_netvsc"), made_up(3, "eth0.5", "802.1Q VLAN Support"),
		made_up(4, "br0", "bridge"),	 made_up(5, "eth1", "mlx5_core"),
		made_up(6, "eth2", "mlx5_core"), made_up(7, "bond0", "bonding"),
	};
	struct iface_links links = {.items = items, .count = ARRAY_SIZE(items)};

	(void)state;
	items[3].mac[5] = 2; /* another NIC, of its own */
	items[4].mac[5] = 3;
	items[4].master = 7;
	snprintf(items[4].slave_kind, sizeof(items[4].slave_kind), "bond");
	snprintf(items[5].iface.link_kind, sizeof(items[5].iface.link_kind), "bond");
	iface_classify(&links);
	assert_int_equal(items[1].iface.kind, IFACE_ETHERNET);
	assert_int_equal(items[2].iface.kind, IFACE_ETHERNET);
	assert_int_equal(items[3].iface.kind, IFACE_ETHERNET);
	assert_int_equal(items[4].iface.kind, IFACE_BOND_MEMBER);
	assert_int_equal(items[5].iface.kind, IFACE_BOND);
}

/* The kernel of a small test machine has neither. */
static void bonds_and_vlans_from_a_dump(void **state)
{
	struct iface_link items[] = {made_up(2, "bond0", "bonding"), made_up(3, "eth0", "ixgbe"),
				     made_up(4, "eth1", "ixgbe"), made_up(5, "bond0.7", ""),
				     made_up(6, "eth9", "")};
	struct iface_links links = {.items = items, .count = ARRAY_SIZE(items)};
	struct report report = {0};

	(void)state;
	snprintf(items[0].iface.link_kind, sizeof(items[0].iface.link_kind), "bond");
	snprintf(items[1].slave_kind, sizeof(items[1].slave_kind), "bond");
	snprintf(items[2].slave_kind, sizeof(items[2].slave_kind), "bond");
	items[1].master = items[2].master = 2;
	snprintf(items[3].iface.link_kind, sizeof(items[3].iface.link_kind), "vlan");
	items[3].below = 2;
	snprintf(items[4].iface.link_kind, sizeof(items[4].iface.link_kind), "vlan");
	items[4].below = 2;
	items[4].below_elsewhere = true;
	iface_classify(&links);

	expect_error(
		iface_check_attach_among(&links, &items[0].iface, true, &report), &report,
		"bond0 is a bond: attach to its members, by which frames come in (eth0, eth1)");
	assert_int_equal(items[1].iface.kind, IFACE_BOND_MEMBER);
	assert_string_equal(items[2].iface.master, "bond0");
	assert_int_equal(items[3].iface.kind, IFACE_VLAN);
	assert_string_equal(items[3].iface.lower, "bond0");
	assert_int_equal(iface_check_attach_among(&links, &items[3].iface, false, &report), 0);
	assert_non_null(strstr(report.warnings[0], "attached to bond0"));
	report_clear(&report);
	assert_string_equal(items[4].iface.lower, "");
}

static void every_kind_has_a_name(void **state)
{
	int kind;

	(void)state;
	for (kind = IFACE_ETHERNET; kind <= IFACE_AZURE_VF; kind++)
		assert_string_not_equal(iface_kind_name((enum iface_kind)kind), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(odd_names_are_usage_errors),
		cmocka_unit_test(missing_names_list_what_there_is),
		cmocka_unit_test(long_lists_are_cut),
		cmocka_unit_test(loopback),
		cmocka_unit_test(veth),
		cmocka_unit_test(other_namespace),
		cmocka_unit_test(dummy),
		cmocka_unit_test(vlan),
		cmocka_unit_test(bond),
		cmocka_unit_test(bridge),
		cmocka_unit_test(vxlan),
		cmocka_unit_test(interfaces_without_ethernet_are_refused),
		cmocka_unit_test(attached_programs_are_named),
		cmocka_unit_test(all_come_by_index),
		cmocka_unit_test(azure_vfs_belong_to_their_synthetic_interface),
		cmocka_unit_test(other_interfaces_are_no_vfs),
		cmocka_unit_test(bonds_and_vlans_from_a_dump),
		cmocka_unit_test(every_kind_has_a_name),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
