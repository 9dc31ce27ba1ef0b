#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# shellcheck disable=SC2317 # kt_check calls the functions
#
# What has to hold on every kernel that apimgate supports, checked inside the guest that scripts/kernels boots: the
# packet table, then the gate with real traffic through its whole life (attach, swap, reboot, detach).
#
# The guest itself is the protected host. Two network namespaces stand for the world, each behind an interface of
# its own: "apim" has the addresses that may reach the service, "stranger" has others.
#
#   apim      10.77.1.2  fd77:1::2   <->  gate0   10.77.1.1  fd77:1::1
#   stranger  10.77.2.2  fd77:2::2   <->  gate1   10.77.2.1  fd77:2::1

set -u

# shellcheck source=tests/kernels/kt.sh
. /payload/kt.sh

gate() {
	apimgate --pin-dir /sys/fs/bpf/apimgate --state-dir /var/lib/apimgate "$@"
}

# --- the world ------------------------------------------------------------------------------------------------

add_namespace() { # NAME INTERFACE NUMBER
	ip netns add "$1" &&
		ip link add "$2" type veth peer name eth0 netns "$1" &&
		ip addr add "10.77.$3.1/24" dev "$2" &&
		ip addr add "fd77:$3::1/64" dev "$2" nodad &&
		ip link set "$2" up &&
		ip -n "$1" addr add "10.77.$3.2/24" dev eth0 &&
		ip -n "$1" addr add "fd77:$3::2/64" dev eth0 nodad &&
		ip -n "$1" link set lo up &&
		ip -n "$1" link set eth0 up
}

start_servers() {
	# 443 is the service, 8080 is of no service.
	for port in 443 8080; do
		nc -ll -p "$port" -e /bin/cat &
		servers="$servers $!"
	done
	for try in 1 2 3 4 5 6 7 8 9 10; do
		[ "$(netstat -ltn | grep -c -E ':(443|8080) ')" -lt 2 ] || return 0
		sleep 0.3
	done
	echo "the servers do not listen after $try tries"
	return 1
}

# One connection with data both ways: a handshake alone would not show that later segments pass.
connect() { # NAMESPACE ADDRESS PORT SECONDS
	[ "$(echo hello | timeout "$(($4 + 4))" ip netns exec "$1" nc -w "$4" "$2" "$3" 2>/dev/null)" = hello ]
}

# Emulation is slow, so that what must work gets much time, and what must not gets two tries of SYN.
connects() { # NAMESPACE ADDRESS PORT
	connect "$1" "$2" "$3" 10 || {
		echo "$1 does not reach $2 port $3"
		return 1
	}
}

refused() { # NAMESPACE ADDRESS PORT
	! connect "$1" "$2" "$3" 2 || {
		echo "$1 reaches $2 port $3"
		return 1
	}
}

apim_passes() {
	connects apim 10.77.1.1 443 && connects apim fd77:1::1 443
}

apim_refused() {
	refused apim 10.77.1.1 443 && refused apim fd77:1::1 443
}

stranger_passes() {
	connects stranger 10.77.2.1 443 && connects stranger fd77:2::1 443
}

stranger_refused() {
	refused stranger 10.77.2.1 443 && refused stranger fd77:2::1 443
}

# What is to no service passes from anywhere.
others_pass() {
	connects stranger 10.77.2.1 8080 && connects stranger fd77:2::1 8080 &&
		timeout 20 ip netns exec apim ping -n -c 2 -i 0.2 -W 5 10.77.1.1 &&
		timeout 20 ip netns exec stranger ping -n -c 2 -i 0.2 -W 5 10.77.2.1 &&
		timeout 20 ip netns exec stranger ping -n -c 2 -i 0.2 -W 5 fd77:2::1
}

# --- the gate -------------------------------------------------------------------------------------------------

# Lists of one size, so that no guard against a shrinking list has a reason to speak.
write_lists() {
	printf '10.77.1.2/32\nfd77:1::2/128\n203.0.113.0/24\n' >/tmp/list-a
	printf '10.77.1.0/24\nfd77:1::/64\n198.51.100.0/24\n' >/tmp/list-b
	printf '10.77.2.2/32\nfd77:2::2/128\n203.0.113.0/24\n' >/tmp/list-stranger
}

load() { # LIST
	gate allow load file "/tmp/list-$1" set apim-prod
}

make_policy() {
	gate set add apim-prod &&
		gate allow add 10.77.1.2/32 set apim-prod &&
		load a &&
		gate service add web proto tcp port 443 from apim-prod
}

attach() {
	gate link attach dev gate0 mode native force && gate link attach dev gate1 mode native force
}

detach() {
	gate link detach dev gate0 && gate link detach dev gate1
}

# What the kernel says of both interfaces, whatever the CLI believes. Generic mode reads "xdpgeneric".
attached_natively() {
	for device in gate0 gate1; do
		ip link show dev "$device" | grep -q ' xdp ' || {
			ip link show dev "$device"
			echo "$device has no XDP program in native mode"
			return 1
		}
	done
}

# The kernel drops a link that lost its last reference a moment later, not at once.
not_attached() {
	for try in 1 2 3 4 5 6 7 8 9 10; do
		ip link show | grep -q 'prog/xdp' || return 0
		sleep 0.5
	done
	ip link show
	echo "an XDP program is still there after $try tries"
	return 1
}

shows_links() {
	gate link show -j >/tmp/links && cat /tmp/links && grep -q '"gate0"' /tmp/links &&
		grep -q '"gate1"' /tmp/links && grep -q '"native"' /tmp/links
}

shows_no_links() {
	gate --json link show >/tmp/links && cat /tmp/links && ! grep -q '"gate[01]"' /tmp/links
}

check_says() { # VERDICT SOURCE DESTINATION PORT [REASON]
	gate check src "$2" dst "$3" proto tcp dport "$4" -j >/tmp/check
	cat /tmp/check
	if ! grep -q "\"verdict\" *: *\"$1\"" /tmp/check || ! grep -q "\"reason\" *: *\"${5:-.*}\"" /tmp/check; then
		echo "src $2 dst $3 dport $4: not $1${5:+ because of $5}: $(tr '\n' ' ' </tmp/check)"
		return 1
	fi
}

check_explains() {
	check_says pass 10.77.1.2 10.77.1.1 443 && check_says pass fd77:1::2 fd77:1::1 443 &&
		check_says drop 10.77.2.2 10.77.2.1 443 not-allowed && check_says drop fd77:2::2 fd77:2::1 443 not-allowed &&
		check_says pass 10.77.2.2 10.77.2.1 8080
}

stats_count() {
	gate stats show -j >/tmp/stats && cat /tmp/stats && grep -q 'not-allowed' /tmp/stats
}

swap_and_back() {
	load stranger && apim_refused && stranger_passes && load a && apim_passes && stranger_refused
}

# Two clients that never pause: one must always get through, the other never, whichever list is in force and however
# often it changes. The files they leave are the faults.
swap_under_traffic() {
	rm -f /tmp/stop /tmp/fault-* /tmp/count-*
	(while [ ! -e /tmp/stop ]; do
		connect apim 10.77.1.1 443 10 || echo "an allowed connection failed" >/tmp/fault-apim
		echo >>/tmp/count-apim
	done) &
	apim_client=$!
	(while [ ! -e /tmp/stop ]; do
		! connect stranger 10.77.2.1 443 1 || echo "a refused connection was made" >/tmp/fault-stranger
		echo >>/tmp/count-stranger
	done) &
	stranger_client=$!

	swap_status=0
	swap=0
	while [ "$swap" -lt 25 ] && [ "$swap_status" -eq 0 ]; do
		{ load b && load a; } >/dev/null || swap_status=1
		swap=$((swap + 1))
	done
	: >/tmp/stop
	wait "$apim_client" "$stranger_client"
	echo "$((2 * swap)) swaps, connections tried: $(wc -l </tmp/count-apim) allowed, $(wc -l </tmp/count-stranger) refused"
	[ "$swap_status" -eq 0 ] || echo "a list could not be loaded"
	for fault in /tmp/fault-*; do
		[ ! -e "$fault" ] || {
			cat "$fault"
			swap_status=1
		}
	done
	return "$swap_status"
}

# A reboot takes the BPF file system with it, and so everything that was pinned; the state directory stays.
lose_pins() {
	umount /sys/fs/bpf && mount -t bpf bpf /sys/fs/bpf && not_attached && stranger_passes
}

# --- the checks -----------------------------------------------------------------------------------------------

servers=
kt_check packet-table packet_test
write_lists
if ! kt_check world eval 'add_namespace apim gate0 1 && add_namespace stranger gate1 2 && start_servers'; then
	exit 1
fi
kt_check no-gate eval 'apim_passes && stranger_passes && others_pass'
kt_check policy make_policy
if kt_check attach-native eval 'attach && attached_natively'; then
	kt_check link-show shows_links
	kt_check allowed-connects apim_passes
	kt_check stranger-refused stranger_refused
	kt_check others-pass others_pass
	kt_check check-explains check_explains
	kt_check stats stats_count
	kt_check swap swap_and_back
	kt_check swap-under-traffic swap_under_traffic
	kt_check pins-lost lose_pins
	kt_check restore eval 'gate restore && attached_natively'
	kt_check restored-allowed-connects apim_passes
	kt_check restored-stranger-refused stranger_refused
	kt_check restored-others-pass others_pass
	kt_check restored-check check_explains
	kt_check detach eval 'detach && not_attached && shows_no_links'
	kt_check detached-all-pass eval 'apim_passes && stranger_passes && others_pass'
fi
# shellcheck disable=SC2086 # one word each
kill $servers 2>/dev/null
exit 0
