#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
#
# The first and only service of the guest: makes the file systems, loads the modules, runs the payload, says what
# the kernel complained about, and powers off. scripts/kernels starts it.

/bin/busybox mkdir -p /proc /sys /dev /run /tmp
# Links for all of busybox's applets; /bin/sh is dash already and stays so. The real ip and ping come first.
/bin/busybox --install -s /bin 2>/dev/null
export PATH=/payload/bin:/bin:/sbin:/usr/bin:/usr/sbin HOME=/root TERM=dumb

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev 2>/dev/null
exec </dev/null >/dev/console 2>&1
mount -t bpf bpf /sys/fs/bpf
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
ip link set lo up

# shellcheck source=tests/kernels/kt.sh
. /payload/kt.sh

while read -r module; do
	options=
	# Without this the module makes an interface of its own.
	[ "$module" != bonding ] || options=max_bonds=0
	insmod "/modules/$module.ko" $options || kt_fail "module-$module" "cannot be loaded"
done </modules/order

echo "Linux $(uname -r), up after $(cut -d ' ' -f 1 /proc/uptime) seconds"
status=0
(cd /root && exec /bin/sh /payload/run) || status=$?

# A gate that makes the kernel warn is no gate for production, even when every verdict was right.
dmesg >/tmp/dmesg
if grep -qE 'WARNING:|BUG:|Oops|general protection|INFO: (task|rcu)' /tmp/dmesg; then
	cat /tmp/dmesg
	kt_fail kernel-log "$(grep -m 1 -E 'WARNING:|BUG:|Oops|general protection|INFO: (task|rcu)' /tmp/dmesg)"
else
	kt_ok kernel-log
fi

printf '\nKT end %d\n' "$status"
sync
poweroff -f
