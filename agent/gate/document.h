/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy as a text document: what is stored in the state file, and inside
 * every generation in the kernel. A line an object, checksummed and versioned:
 *
 *	apimgate-document 1
 *	generation 42
 *	default pass non-ip pass
 *	set 0 azure-platform static
 *	service 0 web tcp 443,8443-8450 to 10.0.0.4/32 from 1,2      ("-" where there is none)
 *	link eth0 native enforce
 *	allow 1 20.1.2.0/24
 *	allow 1 20.1.3.0/24 expires 1767225600 comment "on call"
 *	end 9 crc32 1a2b3c4d           (lines before this one; checksum of all bytes before it)
 *
 * Sets come before services, and everything by number or in prefix order, so
 * equal policies make equal documents.
 */
#ifndef APIMGATE_GATE_DOCUMENT_H
#define APIMGATE_GATE_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/gate/policy.h"

#define DOCUMENT_VERSION 1

/* *out is owned by the caller and NUL-terminated. -ENOMEM. */
int document_write(const struct policy *policy, char **out, size_t *length);

/* Do two whole documents say the same, but for the number of the generation? */
bool document_is_same(const char *a, size_t a_length, const char *b, size_t b_length);

/*
 * Reads a document. name is what errors call it ("/var/lib/.../gate.state",
 * "the running generation"). Anything unexpected is an error with the line
 * number: -EBADMSG. A document of a later version is not damaged, but cannot be
 * read either: -EPROTONOSUPPORT. 100,000 entries take about 30 ms.
 */
int document_read(const char *name, const char *text, size_t length, struct policy **out,
		  struct report *report);

/* Is it whole? The version and the checksum alone, in a hundredth of the time. */
int document_check(const char *name, const char *text, size_t length, struct report *report);

#endif
