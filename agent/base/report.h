/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command has to tell its user besides its result: at most one error,
 * with its way out, and any number of warnings. Whoever knows the cause of an
 * error fills it in, once; callers pass the negative errno on and add nothing.
 *
 * A report is made by its user, passed down, and freed with report_clear().
 * Functions that take one never set an error and return 0. NULL stands for a
 * caller who wants the code only.
 */
#ifndef APIMGATE_BASE_REPORT_H
#define APIMGATE_BASE_REPORT_H

#include <stddef.h>

/* REPORT_KIND(SYMBOL, exit status, name in JSON) */
#define REPORT_KINDS(REPORT_KIND)                   \
	REPORT_KIND(FAILED, 1, "failed")            \
	REPORT_KIND(USAGE, 2, "usage")              \
	REPORT_KIND(NOT_FOUND, 3, "not-found")      \
	REPORT_KIND(PERMISSION, 4, "not-permitted") \
	REPORT_KIND(GUARD, 5, "refused")

#define REPORT_ENUM(symbol, status, name) REPORT_##symbol = (status),
enum report_kind { REPORT_OK = 0, REPORT_KINDS(REPORT_ENUM) };
#undef REPORT_ENUM

struct report {
	enum report_kind kind; /* also the exit status */
	char *error;	       /* one sentence, or several lines where it lists lines of a file */
	char *hint;	       /* the way out, or NULL */
	char **warnings;
	size_t warning_count;
};

/*
 * Sets the error, unless one is set already (the first cause wins). hint may
 * be NULL. Returns -code, so that callers can `return report_error(...)`.
 * Out of memory loses the text, never the kind.
 */
int report_error(struct report *report, enum report_kind kind, int code, const char *hint,
		 const char *format, ...) __attribute__((format(printf, 5, 6)));

/*
 * The same for a failed system call: `what` failed, because of code (positive
 * errno), "WHAT: strerror". EPERM and EACCES become REPORT_PERMISSION with a
 * hint to run as root.
 */
int report_errno(struct report *report, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A warning: the work was done, but the user should know. */
void report_warn(struct report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* "failed", "usage", ... */
const char *report_kind_name(enum report_kind kind);

/* Frees all and makes it empty. */
void report_clear(struct report *report);

#endif
