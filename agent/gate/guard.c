// SPDX-License-Identifier: Apache-2.0
/* Changes that are more often a mistake than a wish. */
#include "agent/gate/guard.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SSH_PORT 22
/* Lists shorter than this may lose what they like, as long as something stays. */
#define SHRINK_MIN 4

static int refuse(struct report *report, const char *hint, const char *text)
{
	return report_error(report, REPORT_GUARD, EPERM, hint, "%s", text);
}

int guard_prefix(const struct prefix *prefix, struct report *report)
{
	uint8_t shortest = prefix->family == 4 ? GUARD_MIN_IPV4 : GUARD_MIN_IPV6;
	char text[PREFIX_TEXT_LEN];

	if (prefix->length >= shortest)
		return 0;
	return report_error(report, REPORT_GUARD, EPERM,
			    "give the prefixes that are meant, or say `force`",
			    "%s is shorter than /%u and lets in %s", prefix_format(prefix, text),
			    shortest, prefix->length ? "much of the internet" : "everybody");
}

int guard_shrink(const char *set, size_t before, size_t after, struct report *report)
{
	const char *hint = "check the list, or say `force`";

	if (before && !after)
		return report_error(report, REPORT_GUARD, EPERM, hint,
				    "set '%s' would become empty: it has %zu prefix%s now", set,
				    before, before == 1 ? "" : "es");
	if (before >= SHRINK_MIN && after < (before + 1) / 2)
		return report_error(report, REPORT_GUARD, EPERM, hint,
				    "set '%s' would lose more than half: from %zu prefixes to %zu",
				    set, before, after);
	return 0;
}

/* ---- what covers a port, and who is let in ---- */

static bool covers_port(const struct policy_service *service, uint16_t port)
{
	uint32_t i;

	for (i = 0; i < service->port_count; i++)
		if (service->ports[i].first <= port && port <= service->ports[i].last)
			return true;
	return !service->port_count;
}

static bool covers_local(const struct policy_service *service, const struct guard_session *session)
{
	uint32_t i;

	for (i = 0; i < service->to_count; i++)
		if (!session || prefix_covers(&service->to[i], session->family, session->local))
			return true;
	return !service->to_count;
}

/* Does the service take TCP connections to the port; with a session, on its address? */
static bool covers_ssh(const struct policy_service *service, const struct guard_session *session,
		       uint16_t port)
{
	return service->name[0] && service->proto != POLICY_UDP && covers_port(service, port) &&
	       covers_local(service, session);
}

static bool is_live(const struct policy_entry *entry, uint64_t now)
{
	return !entry->expires || entry->expires > now;
}

/* Is there anybody in one of the sets? */
static bool has_entries(const struct policy *policy, uint64_t sets, uint64_t now)
{
	size_t i;

	for (i = 0; i < policy->entry_count; i++)
		if (sets >> policy->entries[i].set & 1 && is_live(&policy->entries[i], now))
			return true;
	return false;
}

static bool is_platform(const struct policy *policy, const struct guard_session *session,
			uint64_t now)
{
	const struct policy_entry *entry;
	size_t i;

	for (i = 0; i < policy->entry_count; i++) {
		entry = &policy->entries[i];
		if (entry->set == GATE_SET_PLATFORM && is_live(entry, now) &&
		    prefix_covers(&entry->prefix, session->family, session->peer))
			return true;
	}
	return false;
}

/* Would a new connection like the session's get in, were the policy enforced? */
static bool lets_in(const struct policy *policy, const struct guard_session *session, uint64_t now)
{
	const struct policy_question question = {
		.family = session->family,
		.source = session->peer,
		.destination = session->local,
		.proto = IPPROTO_TCP,
		.port = session->local_port,
	};

	switch (policy_ask(policy, &question, now)) {
	case POLICY_ADMITTED:
		return true;
	case POLICY_REFUSED:
		return false;
	case POLICY_UNCOVERED:
		break;
	}
	/* The session itself would go on as a reply; but the next one is not let in. */
	return !policy->default_drop || is_platform(policy, session, now);
}

/* ---- the guards that need to know how the caller came here ---- */

int guard_default_drop(const struct policy *policy, struct report *report)
{
	struct guard_session session;
	uint16_t port = SSH_PORT;
	uint64_t sets = 0;
	char text[128];
	int i;

	if (!policy->default_drop)
		return 0;
	if (guard_find_session(&session))
		port = session.local_port;
	for (i = 0; i < GATE_MAX_SERVICES; i++)
		if (covers_ssh(&policy->services[i], NULL, port) ||
		    covers_ssh(&policy->services[i], NULL, SSH_PORT))
			sets |= policy->services[i].sets;
	sets &= ~(1ULL << GATE_SET_PLATFORM);
	if (sets && has_entries(policy, sets, (uint64_t)time(NULL)))
		return 0;
	snprintf(text, sizeof(text),
		 "with default drop, no set would let anybody in to SSH (port %u)", port);
	return refuse(
		report,
		"add your management addresses as a set, and a service for SSH from that set; "
		"or say `force`",
		text);
}

/*
 * Packets between a host's own addresses go by the loopback interface, where
 * no gate is.
 */
static bool is_from_here(const struct guard_session *session)
{
	static const uint8_t loopback6[16] = {[15] = 1};
	size_t length = session->family == 4 ? 4 : 16;

	if (!memcmp(session->peer, session->local, length))
		return true;
	if (session->family == 4)
		return session->peer[0] == IN_LOOPBACKNET;
	return !memcmp(session->peer, loopback6, sizeof(loopback6));
}

static const char *covering_name(const struct policy *policy, const struct guard_session *session)
{
	int i;

	for (i = 0; i < GATE_MAX_SERVICES; i++)
		if (covers_ssh(&policy->services[i], session, session->local_port))
			return policy->services[i].name;
	return NULL;
}

#define SESSION_HINT_ENFORCE                                                                      \
	"allow your address first; or add `confirm 60`: it falls back to audit by itself unless " \
	"you confirm; or add `force`"
#define SESSION_HINT_CHANGE                                                                  \
	"allow your address first; or make the change in audit (`link audit`) and then use " \
	"`link enforce ... confirm 60`, which falls back by itself; or add `force`"

int guard_session(const struct policy *before, const struct policy *after, struct report *report)
{
	uint64_t now = (uint64_t)time(NULL);
	struct guard_session session;
	const char *service;
	char why[128], text[256];

	if (!guard_find_session(&session) || is_from_here(&session))
		return 0;
	if (lets_in(after, &session, now) || (before && !lets_in(before, &session, now)))
		return 0;
	service = covering_name(after, &session);
	if (service)
		snprintf(why, sizeof(why), "service '%s' covers port %u", service,
			 session.local_port);
	else
		snprintf(why, sizeof(why), "default drop, and no service covers port %u",
			 session.local_port);
	snprintf(text, sizeof(text), "no set would let your own SSH session from %s back in (%s)",
		 session.peer_text, why);
	return refuse(report, before ? SESSION_HINT_CHANGE : SESSION_HINT_ENFORCE, text);
}
