// SPDX-License-Identifier: Apache-2.0
#include "agent/base/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/cleanup.h"

/* NULL where memory is short: the text is lost, and its reader must cope. */
__attribute__((format(printf, 1, 0))) static char *format_text(const char *format, va_list args)
{
	char *text = NULL;

	return vasprintf(&text, format, args) < 0 ? NULL : text;
}

/* Is there somebody to tell, and nothing told yet? */
static int wants_error(const struct report *report)
{
	return report && report->kind == REPORT_OK;
}

int report_error(struct report *report, enum report_kind kind, int code, const char *hint,
		 const char *format, ...)
{
	va_list args;

	if (!wants_error(report))
		return -code;
	report->kind = kind;
	va_start(args, format);
	report->error = format_text(format, args);
	va_end(args);
	report->hint = hint ? strdup(hint) : NULL;
	return -code;
}

static const char *errno_hint(int code)
{
	switch (code) {
	case EPERM:
	case EACCES:
		return "run as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN";
	case ENOSPC:
	case EDQUOT:
		return "free some space there, then try again";
	default:
		return NULL;
	}
}

int report_errno(struct report *report, int code, const char *format, ...)
{
	_cleanup_free_ char *what = NULL;
	enum report_kind kind = REPORT_FAILED;
	va_list args;

	if (!wants_error(report))
		return -code;
	if (code == EPERM || code == EACCES)
		kind = REPORT_PERMISSION;
	va_start(args, format);
	what = format_text(format, args);
	va_end(args);
	/* %m reads errno; unlike strerror() it needs no buffer that threads share. */
	errno = code;
	return report_error(report, kind, code, errno_hint(code), "%s: %m",
			    what ? what : "a system call failed");
}

void report_warn(struct report *report, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	char **warnings;
	va_list args;

	if (!report)
		return;
	va_start(args, format);
	text = format_text(format, args);
	va_end(args);
	if (!text)
		return;
	warnings = realloc(report->warnings, (report->warning_count + 1) * sizeof(*warnings));
	if (!warnings)
		return;
	warnings[report->warning_count++] = TAKE_PTR(text);
	report->warnings = warnings;
}

const char *report_kind_name(enum report_kind kind)
{
#define REPORT_NAME(symbol, status, name) \
	case REPORT_##symbol:             \
		return name;
	switch (kind) {
		REPORT_KINDS(REPORT_NAME)
	case REPORT_OK:
		break;
	}
#undef REPORT_NAME
	return "ok";
}

void report_clear(struct report *report)
{
	if (!report)
		return;
	free(report->error);
	free(report->hint);
	for (size_t i = 0; i < report->warning_count; i++)
		free(report->warnings[i]);
	free(report->warnings);
	*report = (struct report){0};
}
