#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# For the scripts beside scripts/bench: builds the programs they share, and runs a Python program
# of this directory where nothing that it makes outlives it. To be sourced.

# isolate SCRIPT PROGRAM [ARGUMENT...]: SCRIPT is the caller, which is started once more.
isolate() {
	local script=$1 program=$2 bench word status child
	shift 2
	bench=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")

	export PYTHONDONTWRITEBYTECODE=1
	export BENCH_BUILD=${BENCH_BUILD:-$(readlink -f "$bench/../../build")}
	for word in "$@"; do
		if [[ $word == -h || $word == --help ]]; then
			exec /usr/bin/python3 "$bench/$program" --help
		fi
	done
	if ((EUID != 0)); then
		echo "${script##*/}: needs root, to make network namespaces and load BPF programs" >&2
		exit 1
	fi

	# A mount namespace of our own, with a BPF file system and a /run that nobody else sees: they
	# are gone with the last process of the benchmark however it ends.
	if [[ ${BENCH_INSIDE:-} != "$$" ]]; then
		env -u MAKEFLAGS -u MAKELEVEL make -s -C "$bench" -f tables.mk \
			BUILD="$BENCH_BUILD/bench" >&2
		BENCH_INSIDE=$$ exec unshare --mount --propagation private -- "$script" "$@"
	fi
	mount -t bpf bpf /sys/fs/bpf
	mount -t tmpfs -o mode=755 tmpfs /run
	export BENCH_PREFIX=apimgate-bench-$$
	trap isolate_cleanup EXIT

	# In the background, so that a signal to this shell is passed on at once.
	/usr/bin/python3 "$bench/$program" "$@" &
	child=$!
	# shellcheck disable=SC2064 # the child's number as it is now
	trap "kill -TERM $child 2>/dev/null" INT TERM HUP
	status=0
	wait "$child" || status=$?
	while kill -0 "$child" 2>/dev/null; do
		wait "$child" || status=$?
	done
	exit "$status"
}

isolate_cleanup() {
	local name

	for name in /run/netns/"$BENCH_PREFIX"-*; do
		[[ -e $name ]] && ip netns del "${name##*/}"
	done
	return 0
}
