// SPDX-License-Identifier: Apache-2.0
/* One interface: does the gate fit, in which mode, and what stands in its way? */
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>

#include "agent/gate/doctor_internal.h"

/* How the driver's XDP would do here. */
struct device {
	const struct iface *iface;
	const struct doctor_driver *driver; /* NULL: not known */
	bool can_native;		    /* as far as known */
	bool is_native;			    /* proven: the gate, or another program, is */
};

static struct device device_of(const struct doctor *doctor, const struct iface *iface)
{
	struct device device = {.iface = iface, .driver = doctor_find_driver(iface->driver)};

	device.can_native = device.driver && doctor->kernel >= device.driver->native;
	device.is_native = iface->xdp_attach_mode == XDP_ATTACHED_DRV ||
			   iface->xdp_attach_mode == XDP_ATTACHED_MULTI;
	return device;
}

/* Is the gate one that belongs there at all? */
static bool check_place(struct doctor *doctor, const struct iface *iface)
{
	_cleanup_(report_clear) struct report report = {0};
	size_t i;

	if (iface_check_attach(iface, false, &report) < 0) {
		doctor_add(doctor, DOCTOR_FAIL, "attach", iface->name, "%s",
			   report.error ? report.error : "the gate does not belong here");
		if (report.hint)
			doctor_hint(doctor, "%s", report.hint);
		return false;
	}
	for (i = 0; i < report.warning_count; i++) {
		doctor_add(doctor, DOCTOR_WARN, "attach", iface->name, "%s", report.warnings[i]);
		if (iface->lower[0])
			doctor_hint(doctor, "`apimgate link attach dev %s`", iface->lower);
		else
			doctor_hint(doctor, "attach the gate where frames come in from outside");
	}
	return true;
}

static const char *driver_note(const struct doctor *doctor, const struct doctor_driver *driver)
{
	if (!driver || !driver->note)
		return "";
	return !driver->note_until || doctor->kernel < driver->note_until ? driver->note : "";
}

static void check_driver(struct doctor *doctor, const struct device *device)
{
	const struct iface *iface = device->iface;
	const char *name = iface->driver[0] ? iface->driver : "the driver";
	const char *note = driver_note(doctor, device->driver);

	if (device->is_native) {
		doctor_add(doctor, DOCTOR_OK, "driver", iface->name, "%s runs XDP natively", name);
	} else if (!device->driver) {
		doctor_add(
			doctor, DOCTOR_WARN, "driver", iface->name,
			"%s is not known to have native XDP: `mode auto` may use the generic one",
			name);
		doctor_hint(doctor, "try `mode native`; generic mode filters the same, at several "
				    "times the cost");
	} else if (!device->can_native) {
		doctor_add(doctor, DOCTOR_WARN, "driver", iface->name,
			   "%s has native XDP since Linux %u.%u, which this is not: generic mode "
			   "is used",
			   name, DOCTOR_VERSION_ARGS(device->driver->native));
		doctor_hint(doctor, "boot a newer kernel");
	} else {
		doctor_add(doctor, DOCTOR_OK, "driver", iface->name,
			   "%s has native XDP since Linux %u.%u%s%s", name,
			   DOCTOR_VERSION_ARGS(device->driver->native), *note ? "; " : "", note);
	}
}

static void check_mtu(struct doctor *doctor, const struct device *device)
{
	const struct doctor_driver *driver = device->driver;
	const struct iface *iface = device->iface;

	if (!device->can_native || device->is_native || !driver->max_mtu) {
		doctor_add(doctor, DOCTOR_OK, "mtu", iface->name, "MTU %u", iface->mtu);
		return;
	}
	if (driver->frags && doctor->kernel >= driver->frags) {
		doctor_add(doctor, DOCTOR_OK, "mtu", iface->name,
			   "MTU %u; frames of several buffers work here", iface->mtu);
		return;
	}
	if (iface->mtu <= driver->max_mtu) {
		doctor_add(doctor, DOCTOR_OK, "mtu", iface->name,
			   "MTU %u; native mode takes up to %u here", iface->mtu, driver->max_mtu);
		return;
	}
	doctor_add(doctor, DOCTOR_WARN, "mtu", iface->name,
		   "MTU %u is more than the %u that %s takes in native mode: %s", iface->mtu,
		   driver->max_mtu, driver->name,
		   driver->frags ? "this kernel is too old for larger frames"
				 : "it has no frames of several buffers");
	doctor_hint(doctor, "`ip link set dev %s mtu %u`%s, or `mode generic`", iface->name,
		    driver->max_mtu, strcmp(driver->name, "veth") ? "" : " on it and its peer");
}

static void check_lro(struct doctor *doctor, const struct iface *iface)
{
	if (iface->lro < 0)
		return;
	if (!iface->lro) {
		doctor_add(doctor, DOCTOR_OK, "lro", iface->name, "LRO is off");
		return;
	}
	doctor_add(doctor, DOCTOR_WARN, "lro", iface->name,
		   "LRO is on: most drivers refuse native XDP then");
	doctor_hint(doctor, "`ethtool -K %s lro off`", iface->name);
}

static void check_gro_hw(struct doctor *doctor, const struct device *device)
{
	const struct iface *iface = device->iface;

	if (iface->gro_hw < 0)
		return;
	if (!iface->gro_hw || device->is_native) {
		doctor_add(doctor, DOCTOR_OK, "gro-hw", iface->name, "GRO in hardware is %s",
			   iface->gro_hw ? "on, and native XDP runs all the same" : "off");
		return;
	}
	doctor_add(doctor, DOCTOR_WARN, "gro-hw", iface->name,
		   "GRO in hardware is on: some drivers refuse native XDP then");
	doctor_hint(doctor, "if native mode is refused: `ethtool -K %s rx-gro-hw off`",
		    iface->name);
}

static void check_vlan_offload(struct doctor *doctor, const struct iface *iface)
{
	if (iface->rx_vlan_offload < 0)
		return;
	doctor_add(doctor, DOCTOR_OK, "vlan-offload", iface->name,
		   iface->rx_vlan_offload
			   ? "the driver strips VLAN tags before the gate: filtered all the same"
			   : "VLAN tags stay in the frame: the gate walks them");
}

static void check_queues(struct doctor *doctor, const struct device *device)
{
	const struct iface *iface = device->iface;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (!iface->rx_queues || cpus < 1)
		return;
	if (iface->rx_queues > 1 || cpus == 1) {
		doctor_add(doctor, DOCTOR_OK, "queues", iface->name,
			   "%u receive queue%s, %ld CPU%s", iface->rx_queues,
			   iface->rx_queues == 1 ? "" : "s", cpus, cpus == 1 ? "" : "s");
		return;
	}
	doctor_add(
		doctor, DOCTOR_WARN, "queues", iface->name,
		"one receive queue, %ld CPUs: a flood keeps one CPU busy while the others look on",
		cpus);
	doctor_hint(doctor, "`ethtool -L %s %s %ld`, where the device has them", iface->name,
		    strcmp(iface->driver, "veth") ? "combined" : "rx", cpus);
}

static bool is_ours(const struct doctor *doctor, uint32_t program)
{
	size_t i;

	for (i = 0; i < doctor->link_count; i++)
		if (doctor->links[i].program_id == program)
			return true;
	return false;
}

static void check_other_program(struct doctor *doctor, const struct iface *iface)
{
	bool wanted = doctor->policy && policy_find_link(doctor->policy, iface->name) >= 0;

	if (!iface->xdp_program_id || is_ours(doctor, iface->xdp_program_id)) {
		doctor_add(doctor, DOCTOR_OK, "xdp-other", iface->name, "no other XDP program");
		return;
	}
	doctor_add(doctor, wanted ? DOCTOR_FAIL : DOCTOR_WARN, "xdp-other", iface->name,
		   "%s XDP program is attached: '%s', id %u (%s)",
		   doctor->policy_error ? "an" : "another",
		   iface->xdp_program_name[0] ? iface->xdp_program_name : "unnamed",
		   iface->xdp_program_id,
		   iface->xdp_attach_mode == XDP_ATTACHED_SKB ? "generic" : "native");
	if (doctor->policy_error)
		doctor_hint(doctor,
			    "it may be the gate's own, whose links cannot be read: run as root");
	else if (!strcmp(iface->xdp_program_name, "apimgate"))
		doctor_hint(doctor, "it is the gate of another --pin-dir: manage it there");
	else
		doctor_hint(
			doctor,
			"`bpftool link` and `bpftool net` show whose it is; the gate needs the "
			"interface for itself: `bpftool link detach`, or `ip link set dev %s xdp "
			"off`, if nobody needs it",
			iface->name);
}

/* ---- interfaces that belong together ---- */

static void check_bond(struct doctor *doctor, const struct iface *iface)
{
	const struct iface *other;
	size_t i;

	if (!doctor_has_gate(doctor, iface->name))
		return;
	for (i = 0; i < doctor->iface_count; i++) {
		other = &doctor->ifaces[i];
		if (other->kind != IFACE_BOND_MEMBER || strcmp(other->master, iface->master) != 0 ||
		    doctor_has_gate(doctor, other->name))
			continue;
		doctor_add(doctor, DOCTOR_FAIL, "bond", iface->name,
			   "%s, the other member of %s, has no gate: what comes in by it is not "
			   "filtered",
			   other->name, iface->master);
		doctor_hint(doctor, "`apimgate link attach dev %s`", other->name);
	}
}

static void check_vf(struct doctor *doctor, const struct iface *iface)
{
	const struct iface *vf;
	struct device device;
	size_t i;

	for (i = 0; i < doctor->iface_count; i++) {
		vf = &doctor->ifaces[i];
		if (vf->kind != IFACE_AZURE_VF || strcmp(vf->master, iface->name) != 0)
			continue;
		doctor_add(
			doctor, DOCTOR_OK, "vf", iface->name,
			"its VF is %s (%s): the driver puts the program on it as it comes and goes",
			vf->name, vf->driver);
		/* The VF takes the program only under its own driver's conditions. */
		device = device_of(doctor, vf);
		check_mtu(doctor, &device);
		check_lro(doctor, vf);
	}
}

void doctor_check_device(struct doctor *doctor, const struct iface *iface)
{
	struct device device = device_of(doctor, iface);

	if (!check_place(doctor, iface))
		return;
	check_driver(doctor, &device);
	check_mtu(doctor, &device);
	check_lro(doctor, iface);
	check_gro_hw(doctor, &device);
	check_vlan_offload(doctor, iface);
	check_queues(doctor, &device);
	check_other_program(doctor, iface);
	if (iface->kind == IFACE_BOND_MEMBER)
		check_bond(doctor, iface);
	check_vf(doctor, iface);
}
