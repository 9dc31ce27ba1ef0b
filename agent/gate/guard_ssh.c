// SPDX-License-Identifier: Apache-2.0
/*
 * How the caller came here. sshd leaves SSH_CONNECTION ("peer port local
 * port") in the environment of the login shell; sudo and su remove it from
 * that of their children, but not from their own, so the ancestors are asked.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "agent/base/cleanup.h"
#include "agent/gate/guard.h"

#define VARIABLE "SSH_CONNECTION"
/* Two addresses with zones, and two ports, are shorter. */
#define VALUE_SIZE 256
/* A chain of processes longer than this is a loop of our own making. */
#define MAX_ANCESTORS 64
/* The line of /proc/PID/stat up to the parent is much shorter. */
#define STAT_SIZE 1024

static bool parse_port(const char *text, uint16_t *out)
{
	char *end;
	unsigned long value;

	if (*text < '0' || *text > '9')
		return false;
	value = strtoul(text, &end, 10);
	if (*end || !value || value > UINT16_MAX)
		return false;
	*out = (uint16_t)value;
	return true;
}

/*
 * Not prefix_parse(): here IPv4-mapped addresses (of an sshd that listens on
 * [::]) and zones (fe80::1%eth0) are normal, and mean what is on the wire.
 */
static bool parse_address(char *text, uint8_t *family, uint8_t out[16])
{
	struct in6_addr address;
	struct in_addr address4;

	memset(out, 0, 16);
	if (inet_pton(AF_INET, text, &address4) == 1) {
		*family = 4;
		memcpy(out, &address4, sizeof(address4));
		return true;
	}
	text[strcspn(text, "%")] = '\0';
	if (inet_pton(AF_INET6, text, &address) != 1)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&address)) {
		*family = 4;
		memcpy(out, address.s6_addr + 12, 4);
		return true;
	}
	*family = 6;
	memcpy(out, &address, sizeof(address));
	return true;
}

static bool parse_session(const char *value, struct guard_session *out)
{
	char copy[VALUE_SIZE], *words[4], *save = NULL;
	struct guard_session session = {0};
	size_t i, length = strlen(value);
	uint8_t local_family;
	uint16_t peer_port;

	if (length >= sizeof(copy))
		return false;
	memcpy(copy, value, length + 1);
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		words[i] = strtok_r(i ? NULL : copy, " ", &save);
		if (!words[i])
			return false;
	}
	if (strtok_r(NULL, " ", &save))
		return false;
	if (!parse_address(words[0], &session.family, session.peer) ||
	    !parse_address(words[2], &local_family, session.local) ||
	    local_family != session.family || !parse_port(words[1], &peer_port) ||
	    !parse_port(words[3], &session.local_port))
		return false;
	prefix_format_address(session.family, session.peer, session.peer_text);
	*out = session;
	return true;
}

/* Looks into the environment that the process was started with. */
static bool find_in_process(pid_t pid, struct guard_session *out)
{
	static const char wanted[] = VARIABLE "=";
	_cleanup_free_ char *entry = NULL;
	_cleanup_fclose_ FILE *file = NULL;
	size_t capacity = 0;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	file = fopen(path, "re");
	while (file && getdelim(&entry, &capacity, '\0', file) > 0)
		if (!strncmp(entry, wanted, sizeof(wanted) - 1))
			return parse_session(entry + sizeof(wanted) - 1, out);
	return false;
}

/* 0 where there is none, or none that can be seen. */
static pid_t parent_of(pid_t pid)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[64], line[STAT_SIZE], *at;
	size_t length;
	int parent;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	length = fread(line, 1, sizeof(line) - 1, file);
	line[length] = '\0';
	/* "42 (name) S 41 ...": the name may hold spaces, parentheses, and even line breaks. */
	at = strrchr(line, ')');
	if (!at || sscanf(at + 1, " %*c %d", &parent) != 1 || parent < 0)
		return 0;
	return parent;
}

int guard_find_session(struct guard_session *out)
{
	const char *value = getenv(VARIABLE);
	pid_t pid = getppid();
	int level;

	if (value && parse_session(value, out))
		return 1;
	for (level = 0; pid > 0 && level < MAX_ANCESTORS; level++) {
		if (find_in_process(pid, out))
			return 1;
		pid = parent_of(pid);
	}
	return 0;
}
