/* SPDX-License-Identifier: Apache-2.0 */
/* Small pieces of records that several objects make. */
#ifndef APIMGATE_CLI_RECORD_H
#define APIMGATE_CLI_RECORD_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/prefix.h"

#define RECORD_COUNT_LEN 64
#define RECORD_TIME_LEN 40

/* "1 prefix", "2 prefixes", "0 services". Returns out. */
const char *record_count(size_t count, const char *noun, char out[RECORD_COUNT_LEN]);

/* RFC 3339 in UTC; nanoseconds < 0: whole seconds. Returns out. */
const char *record_time(int64_t seconds, int64_t nanoseconds, char out[RECORD_TIME_LEN]);

/* "1d 2h", "59m 10s", "8s": the two largest units. Returns out. */
const char *record_duration(uint64_t seconds, char out[RECORD_TIME_LEN]);

/* Their JSON: a string; a time, null where it is 0. */
json_t *record_prefix(const struct prefix *prefix);
json_t *record_moment(uint64_t seconds);

/* Seconds until a deadline in ns of CLOCK_BOOTTIME, rounded up; 0: it is over. */
uint64_t record_remaining(uint64_t deadline);

#endif
