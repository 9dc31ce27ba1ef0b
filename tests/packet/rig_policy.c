// SPDX-License-Identifier: Apache-2.0
/* Policies from text, committed the way every command commits. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/base/cleanup.h"
#include "tests/packet/rig.h"

static void bad_policy(const char *why, const char *text)
{
	fprintf(stderr, "policy not understood: %s: '%s'\n", why, text);
	abort();
}

static void read_prefix(const char *text, size_t length, struct prefix *out)
{
	if (prefix_parse(text, length, out) != PREFIX_OK)
		bad_policy("prefix", text);
}

/* Its number, or -ENOSPC. */
static int find_or_add_set(struct policy *policy, const char *name)
{
	int set = policy_find_set(policy, name, NULL);
	int r;

	if (set >= 0)
		return set;
	r = policy_add_set(policy, name, POLICY_OWNER_STATIC, NULL);
	if (r < 0 && r != -ENOSPC)
		bad_policy("set", name);
	return r < 0 ? r : policy_find_set(policy, name, NULL);
}

static int add_entries(struct policy *policy, int set, char **save)
{
	struct prefix prefix;
	uint64_t expires;
	char *word, *at;

	if (set < 0)
		return set;
	while ((word = strtok_r(NULL, " \t\n", save))) {
		at = strchr(word, '@');
		expires = at ? (uint64_t)(time(NULL) + strtol(at + 1, NULL, 10)) : 0;
		read_prefix(word, at ? (size_t)(at - word) : strlen(word), &prefix);
		if (policy_add_entry(policy, (uint8_t)set, &prefix, NULL, expires, NULL, NULL) < 0)
			bad_policy("entry", word);
	}
	return 0;
}

static void read_ports(struct policy_service *service, char *text)
{
	char *save = NULL, *word, *dash;
	struct policy_ports *ports;

	for (word = strtok_r(text, ",", &save); word && strcmp(word, "*");
	     word = strtok_r(NULL, ",", &save)) {
		ports = &service->ports[service->port_count++];
		dash = strchr(word, '-');
		ports->first = (uint16_t)atoi(word);
		ports->last = dash ? (uint16_t)atoi(dash + 1) : ports->first;
	}
}

static void read_destinations(struct policy_service *service, struct prefix *to, char *text)
{
	char *save = NULL, *word;

	service->to = to;
	for (word = strtok_r(text, ",", &save); word && strcmp(word, "*");
	     word = strtok_r(NULL, ",", &save))
		read_prefix(word, strlen(word), &to[service->to_count++]);
}

static int read_sets(struct policy *policy, struct policy_service *service, char *text)
{
	char *save = NULL, *word;
	int set;

	for (word = strtok_r(text, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		set = find_or_add_set(policy, word);
		if (set < 0)
			return set;
		service->sets |= 1ULL << set;
	}
	return 0;
}

static int add_service(struct policy *policy, char **save)
{
	struct policy_service service = {};
	struct report report = {};
	struct prefix to[POLICY_MAX_TO];
	char *words[5];
	int i, proto, r;

	for (i = 0; i < 5; i++) {
		words[i] = strtok_r(NULL, " \t\n", save);
		if (!words[i])
			bad_policy("service", i ? words[0] : "");
	}
	snprintf(service.name, sizeof(service.name), "%s", words[0]);
	proto = policy_proto_of(words[1]);
	if (proto < 0)
		bad_policy("protocol", words[1]);
	service.proto = (enum policy_proto)proto;
	read_ports(&service, words[2]);
	read_destinations(&service, to, words[3]);
	r = read_sets(policy, &service, words[4]);
	if (r == 0)
		r = policy_add_service(policy, &service, &report);
	if (r < 0 && r != -ENOSPC)
		bad_policy(report.error, words[0]);
	report_clear(&report);
	return r;
}

static void empty_platform(struct policy *policy)
{
	if (policy_replace_entries(policy, GATE_SET_PLATFORM, NULL, 0, NULL, NULL) < 0)
		bad_policy("platform", "");
}

static int read_statement(struct policy *policy, char *text)
{
	char *save = NULL;
	char *word = strtok_r(text, " \t\n", &save);

	if (!word)
		return 0;
	if (!strcmp(word, "service"))
		return add_service(policy, &save);
	if (!strcmp(word, "set")) {
		word = strtok_r(NULL, " \t\n", &save);
		return add_entries(policy, find_or_add_set(policy, word), &save);
	}
	if (!strcmp(word, "platform")) {
		empty_platform(policy);
		return add_entries(policy, GATE_SET_PLATFORM, &save);
	}
	if (!strcmp(word, "default"))
		policy->default_drop = true;
	else if (!strcmp(word, "nonip"))
		policy->non_ip_drop = true;
	else
		bad_policy("statement", word);
	return 0;
}

static int read_text(struct policy *policy, void *data)
{
	_cleanup_free_ char *text = strdup((const char *)data);
	char *save = NULL, *statement;
	int r = 0;

	for (statement = strtok_r(text, ";", &save); statement && r == 0;
	     statement = strtok_r(NULL, ";", &save))
		r = read_statement(policy, statement);
	return r;
}

/* A new gate's policy. */
static int clear(struct policy *policy)
{
	static const char *const platform[] = {"168.63.129.16/32", "169.254.169.254/32"};
	struct prefix prefix;
	int i;

	policy->default_drop = policy->non_ip_drop = false;
	for (i = 0; i < GATE_MAX_SERVICES; i++)
		if (policy->services[i].name[0])
			policy_delete_service(policy, policy->services[i].name, NULL);
	for (i = 0; i < GATE_MAX_SETS; i++)
		if (i != GATE_SET_PLATFORM && policy->sets[i].name[0])
			policy_delete_set(policy, policy->sets[i].name, NULL);
	empty_platform(policy);
	for (i = 0; i < 2; i++) {
		read_prefix(platform[i], strlen(platform[i]), &prefix);
		policy_add_entry(policy, GATE_SET_PLATFORM, &prefix, NULL, 0, NULL, NULL);
	}
	return 0;
}

struct edit {
	int (*edit)(struct policy *policy, void *data);
	void *data;
};

static int clear_and_edit(struct policy *policy, const struct edit *edit)
{
	int r = clear(policy);

	return r == 0 && edit->edit ? edit->edit(policy, edit->data) : r;
}

static int commit(const struct edit *edit, struct report *report)
{
	_cleanup_(gate_endp) struct gate_change *change = NULL;
	int r;

	r = gate_begin(&rig.options, &change, report);
	if (r < 0)
		return r;
	r = clear_and_edit(gate_policy(change), edit);
	return r < 0 ? r : gate_commit(change, true, report);
}

/*
 * Numbers of services and sets that run are not given out again in the same
 * change. Where they run out, the old ones go in one of their own.
 */
int rig_change(int (*change)(struct policy *policy, void *data), void *data)
{
	const struct edit edit = {change, data}, nothing = {};
	struct report report = {};
	int r;

	r = commit(&edit, &report);
	if (r == -ENOSPC) {
		r = commit(&nothing, &report);
		if (r == 0)
			r = commit(&edit, &report);
	}
	report_clear(&report);
	rig_forget();
	free(TAKE_PTR(rig.text));
	policy_free(TAKE_PTR(rig.policy));
	if (gate_read_policy(&rig.options, &rig.policy, NULL, &report) < 0)
		bad_policy("cannot be read back", report.error);
	return r;
}

void rig_policy(const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list arguments;
	int r;

	va_start(arguments, format);
	r = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (r < 0)
		abort();
	rig_context("policy '%s'", text);
	if (rig.text && !strcmp(rig.text, text))
		return;
	r = rig_change(read_text, text);
	if (r < 0)
		bad_policy(strerror(-r), text);
	rig.text = TAKE_PTR(text);
}
