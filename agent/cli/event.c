// SPDX-License-Identifier: Apache-2.0
/* event: the drops as they happen. */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "agent/cli/cli.h"
#include "agent/cli/objects.h"
#include "agent/cli/pcap.h"
#include "agent/cli/record.h"
#include "agent/cli/render.h"
#include "agent/cli/stop.h"
#include "agent/cli/text.h"
#include "agent/gate/counters.h"
#include "agent/gate/events.h"

/* How old the names of services may be. */
#define NAMES_SECONDS 2

struct tail {
	struct cli *cli;
	struct stop stop;
	struct events *events;
	FILE *pcap;
	bool prints;	       /* not where the pcap file goes to standard output */
	uint64_t left;	       /* events to show; 0: no limit */
	struct policy *policy; /* for the names of services */
	time_t named_at;
};

static void tail_end(struct tail *tail)
{
	events_close(tail->events);
	cleanup_fclose(&tail->pcap);
	policy_free(tail->policy);
	stop_end(&tail->stop);
}

/* Another generation may have other services; an error only costs their names. */
static void refresh_names(struct tail *tail)
{
	struct policy *policy = NULL;
	struct report ignored = {0};
	struct timespec now = {0};

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (tail->policy && now.tv_sec - tail->named_at < NAMES_SECONDS)
		return;
	if (!gate_read_policy(&tail->cli->options.gate, &policy, NULL, &ignored)) {
		policy_free(tail->policy);
		tail->policy = policy;
	}
	tail->named_at = now.tv_sec;
	report_clear(&ignored);
}

static const char *service_name(const struct tail *tail, const struct gate_event *event)
{
	if (event->service >= GATE_MAX_SERVICES || !tail->policy)
		return NULL;
	return tail->policy->services[event->service].name[0]
		       ? tail->policy->services[event->service].name
		       : NULL;
}

static json_t *address_json(const struct gate_event *event, const uint8_t *address)
{
	char text[PREFIX_TEXT_LEN];

	if (event->family != 4 && event->family != 6)
		return json_null();
	return json_string(prefix_format_address(event->family, address, text));
}

static json_t *port_json(const struct gate_event *event, uint16_t port)
{
	return event->ports_known ? json_integer(port) : json_null();
}

static json_t *event_json(const struct tail *tail, const struct gate_event *event, int64_t seconds,
			  uint32_t nanoseconds)
{
	char moment[RECORD_TIME_LEN], device[IF_NAMESIZE + 1], number[8];
	bool would = event->flags & GATE_EVENT_WOULD_DROP;

	if (!if_indextoname(event->ifindex, device))
		snprintf(device, sizeof(device), "#%u", event->ifindex);
	return json_pack(
		"{s:s, s:o, s:I, s:s, s:s, s:s?, s:o, s:o, s:o, s:o, s:s?, s:I, s:I}", "time",
		record_time(seconds, nanoseconds, moment), "device", text_json(device), "ifindex",
		(json_int_t)event->ifindex, "verdict", would ? "would-drop" : "drop", "reason",
		counters_reason_name(event->reason), "proto",
		event->family ? value_protocol_name(event->proto, number) : NULL, "source",
		address_json(event, event->source), "sport", port_json(event, event->sport),
		"destination", address_json(event, event->destination), "dport",
		port_json(event, event->dport), "service", service_name(tail, event), "skipped",
		(json_int_t)event->skipped, "frame_length", (json_int_t)event->frame_length);
}

static const char *member(const json_t *record, const char *key)
{
	const char *text = json_string_value(json_object_get(record, key));

	return text ? text : "-";
}

/* "20.1.2.3:443", "[2001:db8::1]:443", or the address alone. */
static void print_endpoint(FILE *out, const json_t *record, const char *address, const char *port)
{
	const json_t *number = json_object_get(record, port);
	const char *text = member(record, address);

	if (!json_is_integer(number))
		fputs(text, out);
	else
		fprintf(out,
			strchr(text, ':') ? "[%s]:%" JSON_INTEGER_FORMAT
					  : "%s:%" JSON_INTEGER_FORMAT,
			text, json_integer_value(number));
}

static void print_event(FILE *out, const json_t *record)
{
	json_int_t skipped = json_integer_value(json_object_get(record, "skipped"));
	const char *service = json_string_value(json_object_get(record, "service"));
	const char *moment = member(record, "time");

	/* Milliseconds are enough for people: 2026-01-02T03:04:05.678. */
	fprintf(out, "%.23sZ ", moment);
	text_print(out, member(record, "device"), false);
	fprintf(out, " %s %s %s ",
		strcmp(member(record, "verdict"), "drop") ? "WOULD-DROP" : "DROP",
		member(record, "reason"), member(record, "proto"));
	print_endpoint(out, record, "source", "sport");
	fputs(" > ", out);
	print_endpoint(out, record, "destination", "dport");
	if (service)
		fprintf(out, " service %s", service);
	if (skipped)
		fprintf(out, " (+%" JSON_INTEGER_FORMAT " not sampled)", skipped);
	fputc('\n', out);
}

static int show_event(void *data, const struct gate_event *event)
{
	struct tail *tail = data;
	int64_t seconds;
	uint32_t nanoseconds;

	events_wall_time(event, &seconds, &nanoseconds);
	if (tail->pcap)
		pcap_write(tail->pcap, event, seconds, nanoseconds);
	if (tail->prints) {
		json_t *record = event_json(tail, event, seconds, nanoseconds);

		if (!record)
			return -ENOMEM;
		if (tail->cli->options.json)
			render_json(tail->cli->out, record, false);
		else
			print_event(tail->cli->out, record);
		json_decref(record);
	}
	/* What comes after it stays for the next reader. */
	return tail->left && !--tail->left ? -ECANCELED : 0;
}

/* Returns 1 when as many were shown as were asked for. */
static int take_events(struct tail *tail)
{
	int rc, taken;

	refresh_names(tail);
	taken = events_wait(tail->events, 0, show_event, tail);
	if (taken < 0 && taken != -EINTR && taken != -ECANCELED)
		return report_errno(&tail->cli->report, -taken, "reading the events");
	if (fflush(tail->cli->out))
		return report_errno(&tail->cli->report, errno, "writing the output");
	rc = tail->pcap ? pcap_flush(tail->pcap, &tail->cli->report) : 0;
	return !rc && taken == -ECANCELED ? 1 : rc;
}

static int tail_begin(struct tail *tail, const struct args *args)
{
	const struct arg *count = args_get(args, "count");
	const char *pcap = args_text(args, "pcap");
	struct cli *cli = tail->cli;
	int rc;

	if (pcap && !strcmp(pcap, "-") && cli->width)
		return report_error(&cli->report, REPORT_USAGE, EINVAL,
				    "`... pcap - | tcpdump -r -`, or a file",
				    "a pcap file is not for a terminal");
	rc = events_open(&cli->options.gate, &tail->events, &cli->report);

	if (rc)
		return rc;
	tail->left = count ? count->number : 0;
	tail->prints = !pcap || strcmp(pcap, "-") != 0;
	if (pcap)
		rc = pcap_open(pcap, &tail->pcap, &cli->report);
	return rc ? rc : stop_begin(&tail->stop, &cli->report);
}

static int event_tail(struct cli *cli, const struct args *args, json_t **result)
{
	_cleanup_(tail_end) struct tail tail = {.cli = cli, .stop.fd = -1};
	int rc = tail_begin(&tail, args);

	(void)result;
	while (!rc) {
		struct pollfd fds[] = {
			{.fd = events_fd(tail.events), .events = POLLIN},
			{.fd = tail.stop.fd, .events = POLLIN},
		};

		rc = take_events(&tail);
		if (rc)
			break;
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			return report_errno(&cli->report, errno, "waiting for events");
		if (fds[1].revents) {
			rc = take_events(&tail);
			break;
		}
	}
	return rc < 0 ? rc : 0;
}

static const struct arg_spec tail_args[] = {
	{.name = "pcap",
	 .shape = ARG_KEYWORD,
	 .value = VALUE_FILE,
	 .help = "also write the first bytes of the frames there; - is standard output, and then "
		 "no lines are printed"},
	{.name = "count",
	 .shape = ARG_KEYWORD,
	 .value = VALUE_NUMBER,
	 .min = 1,
	 .max = 1000000000,
	 .help = "end after so many"},
};

static const struct command event_commands[] = {
	{.verb = "tail",
	 .help = "print the drops, sampled, as they happen, until Ctrl-C; those that waited since "
		 "the last reader come first",
	 .args = tail_args,
	 .arg_count = ARRAY_SIZE(tail_args),
	 .flags = COMMAND_ROOT | COMMAND_STREAMS,
	 .run = event_tail},
};

const struct object object_event = {
	.name = "event",
	.help = "the drops as they happen",
	.commands = event_commands,
	.command_count = ARRAY_SIZE(event_commands),
};
