// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *record_count(size_t count, const char *noun, char out[RECORD_COUNT_LEN])
{
	size_t length = strlen(noun);
	const char *plural = count == 1 ? "" : length && noun[length - 1] == 'x' ? "es" : "s";

	snprintf(out, RECORD_COUNT_LEN, "%zu %s%s", count, noun, plural);
	return out;
}

const char *record_time(int64_t seconds, int64_t nanoseconds, char out[RECORD_TIME_LEN])
{
	time_t moment = (time_t)seconds;
	struct tm broken;
	size_t length = 0;

	if (gmtime_r(&moment, &broken))
		length = strftime(out, RECORD_TIME_LEN, "%Y-%m-%dT%H:%M:%S", &broken);
	if (nanoseconds >= 0)
		snprintf(out + length, RECORD_TIME_LEN - length, ".%09" PRId64 "Z",
			 nanoseconds % 1000000000);
	else
		snprintf(out + length, RECORD_TIME_LEN - length, "Z");
	return out;
}

const char *record_duration(uint64_t seconds, char out[RECORD_TIME_LEN])
{
	uint64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;

	if (days)
		snprintf(out, RECORD_TIME_LEN, "%" PRIu64 "d %" PRIu64 "h", days, hours % 24);
	else if (hours)
		snprintf(out, RECORD_TIME_LEN, "%" PRIu64 "h %" PRIu64 "m", hours, minutes % 60);
	else if (minutes)
		snprintf(out, RECORD_TIME_LEN, "%" PRIu64 "m %" PRIu64 "s", minutes, seconds % 60);
	else
		snprintf(out, RECORD_TIME_LEN, "%" PRIu64 "s", seconds);
	return out;
}

json_t *record_prefix(const struct prefix *prefix)
{
	char text[PREFIX_TEXT_LEN];

	return json_string(prefix_format(prefix, text));
}

json_t *record_moment(uint64_t seconds)
{
	char text[RECORD_TIME_LEN];

	return seconds ? json_string(record_time((int64_t)seconds, -1, text)) : json_null();
}

uint64_t record_remaining(uint64_t deadline)
{
	struct timespec now = {0};
	uint64_t nanoseconds;

	clock_gettime(CLOCK_BOOTTIME, &now);
	nanoseconds = (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
	return deadline > nanoseconds ? (deadline - nanoseconds + 999999999ULL) / 1000000000ULL : 0;
}
