#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# For the scripts that measure: builds the programs they share, and runs a Python program of this
# directory where nothing that it makes outlives it. Sourced by the scripts, and started by itself
# for the inside.

# isolate SCRIPT PROGRAM [ARGUMENT...]: SCRIPT is what errors call it.
isolate() {
	local script=${1##*/} program=$2 bench word
	shift 2
	bench=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")

	export PYTHONDONTWRITEBYTECODE=1
	BENCH_ROOT=$(readlink -f "$bench/../..")
	export BENCH_ROOT
	export BENCH_BUILD=${BENCH_BUILD:-$BENCH_ROOT/build}
	for word in "$@"; do
		case $word in
		# These measure nothing.
		-h | --help | --record) exec /usr/bin/python3 "$bench/$program" "$@" ;;
		esac
	done
	if ((EUID != 0)); then
		echo "scripts/$script: needs root, to make network namespaces and load BPF programs" >&2
		exit 1
	fi
	env -u MAKEFLAGS -u MAKELEVEL make -s -C "$bench" BUILD="$BENCH_BUILD/bench" >&2
	exec unshare --mount --propagation private -- "$bench/isolate.sh" "$bench/$program" "$@"
}

# In a mount namespace of our own, with a BPF file system and a /run that nobody else sees: what is
# pinned or locked there, and the names of network namespaces, are gone with the last process of the
# benchmark however it ends, and what the host has there is neither used nor disturbed.
inside() {
	local status=0 child

	mount -t bpf bpf /sys/fs/bpf
	mount -t tmpfs -o mode=755 tmpfs /run
	export BENCH_PREFIX=apimgate-bench-$$
	trap cleanup EXIT

	# In the background, so that a signal to this shell is passed on at once.
	/usr/bin/python3 "$@" &
	child=$!
	# shellcheck disable=SC2064 # the child's number as it is now
	trap "kill -TERM $child 2>/dev/null" INT TERM HUP
	wait "$child" || status=$?
	while kill -0 "$child" 2>/dev/null; do
		wait "$child" || status=$?
	done
	return "$status"
}

# shellcheck disable=SC2317 # the trap calls it
cleanup() {
	local name

	for name in /run/netns/"$BENCH_PREFIX"-*; do
		[[ -e $name ]] && ip netns del "${name##*/}"
	done
	return 0
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
	set -euo pipefail
	inside "$@"
fi
