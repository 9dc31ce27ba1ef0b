// SPDX-License-Identifier: Apache-2.0
/* What else on this host decides whether the gate holds. */
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "agent/gate/doctor_internal.h"

#define UNIT "apimgate.service"

static bool exists_any(const char *const *patterns, size_t count)
{
	glob_t found = {0};
	bool any;
	size_t i;

	for (i = 0; i < count; i++)
		glob(patterns[i], GLOB_NOSORT | (i ? GLOB_APPEND : 0), NULL, &found);
	any = found.gl_pathc > 0;
	globfree(&found);
	return any;
}

/* Does something bring the gate back at boot? Only systemd is known well enough to tell. */
void doctor_check_unit(struct doctor *doctor)
{
	static const char *const installed[] = {
		"/etc/systemd/system/" UNIT,	       "/run/systemd/system/" UNIT,
		"/usr/local/lib/systemd/system/" UNIT, "/usr/lib/systemd/system/" UNIT,
		"/lib/systemd/system/" UNIT,
	};
	static const char *const enabled[] = {
		"/etc/systemd/system/*.wants/" UNIT,
		"/etc/systemd/system/*.requires/" UNIT,
		"/usr/lib/systemd/system/*.wants/" UNIT,
	};

	/* A gate with a pin directory of its own is somebody else's to restore. */
	if (strcmp(doctor->options->pin_dir, GATE_DEFAULT_PIN_DIR) != 0 ||
	    access("/run/systemd/system", F_OK) < 0)
		return;
	if (!exists_any(installed, ARRAY_SIZE(installed))) {
		doctor_add(doctor, DOCTOR_WARN, "unit", NULL,
			   UNIT " is not installed: nothing brings the gate back after a boot");
		doctor_hint(doctor, "install the package, or run `apimgate restore` at boot");
	} else if (!exists_any(enabled, ARRAY_SIZE(enabled))) {
		doctor_add(doctor, DOCTOR_WARN, "unit", NULL,
			   UNIT " is not enabled: nothing brings the gate back after a boot");
		doctor_hint(doctor, "`systemctl enable " UNIT "`");
	} else {
		doctor_add(doctor, DOCTOR_OK, "unit", NULL, UNIT " brings the gate back at boot");
	}
}

static void check_tunnel(struct doctor *doctor, const struct iface *iface)
{
	_cleanup_(report_clear) struct report report = {0};
	const char *kind = iface->link_kind[0] ? iface->link_kind : "a tunnel";

	if (doctor_has_gate(doctor, iface->name)) {
		doctor_add(doctor, DOCTOR_OK, "tunnel", iface->name, "%s, with a gate of its own",
			   kind);
		return;
	}
	doctor_add(doctor, DOCTOR_WARN, "tunnel", iface->name,
		   "%s: traffic that leaves %s never passed the gate in clear", kind, iface->name);
	if (iface_check_attach(iface, false, &report) < 0)
		doctor_hint(doctor,
			    "let no protected service be reached through it, or filter it with "
			    "nftables: it has no Ethernet frames, so no gate fits");
	else
		doctor_hint(doctor,
			    "`apimgate link attach dev %s audit`, or let no protected service be "
			    "reached through it",
			    iface->name);
}

void doctor_check_tunnels(struct doctor *doctor)
{
	size_t i, count = 0;

	for (i = 0; i < doctor->iface_count; i++) {
		if (doctor->ifaces[i].kind != IFACE_TUNNEL || !doctor->ifaces[i].is_up)
			continue;
		check_tunnel(doctor, &doctor->ifaces[i]);
		count++;
	}
	if (!count)
		doctor_add(doctor, DOCTOR_OK, "tunnel", NULL,
			   "no tunnel carries traffic around the gate");
}
