# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
#
# How a payload reports its checks; sourced by it. The lines go over the serial console, where scripts/kernels
# finds them. The leading newline keeps them whole after output that ended without one.

kt_ok() { # NAME
	printf '\nKT ok %s\n' "$1"
}

kt_fail() { # NAME REASON...
	kt_name=$1
	shift
	printf '\nKT fail %s: %s\n' "$kt_name" "$*"
}

kt_skip() { # NAME REASON...
	kt_name=$1
	shift
	printf '\nKT skip %s: %s\n' "$kt_name" "$*"
}

# Runs a command and reports whether it succeeded.
kt_check() { # NAME COMMAND ARGUMENT...
	kt_name=$1
	shift
	kt_status=0
	"$@" >/tmp/kt.out 2>&1 || kt_status=$?
	cat /tmp/kt.out
	if [ "$kt_status" -eq 0 ]; then
		kt_ok "$kt_name"
	else
		kt_fail "$kt_name" "exit status $kt_status: $(grep -v '^ *$' /tmp/kt.out | tail -n 1 | cut -c 1-300)"
		return 1
	fi
}
