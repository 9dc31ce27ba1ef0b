// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes, as they are, and as the lines of a document whose frame is right:
 * no fuzzer finds a checksum. What can be read is written, read and written
 * again: both texts must be equal.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "agent/base/cleanup.h"
#include "agent/gate/document.h"

#define HEADER "apimgate-document 1\n"

static void check(int condition)
{
	if (!condition)
		abort();
}

static struct policy *read_text(const char *text, size_t length)
{
	struct report report = {0};
	struct policy *policy = NULL;
	int r = document_read("fuzz", text, length, &policy, &report);

	check((r == 0) == (policy != NULL));
	check((r == 0) == (report.kind == REPORT_OK));
	report_clear(&report);
	return policy;
}

static void check_text(const char *text, size_t length)
{
	_cleanup_(policy_freep) struct policy *policy = read_text(text, length);
	_cleanup_(policy_freep) struct policy *again = NULL;
	_cleanup_free_ char *first = NULL;
	_cleanup_free_ char *second = NULL;
	size_t first_length;
	size_t second_length;

	if (!policy)
		return;
	check(document_write(policy, &first, &first_length) == 0);
	again = read_text(first, first_length);
	check(again != NULL);
	check(document_write(again, &second, &second_length) == 0);
	check(first_length == second_length && memcmp(first, second, first_length) == 0);
}

/* Puts the first line before the data and the last one behind it. */
static char *frame(const uint8_t *data, size_t size, size_t *length)
{
	size_t room = strlen(HEADER) + size + 64;
	char *text = malloc(room);
	size_t lines = 0;

	memcpy(text, HEADER, strlen(HEADER));
	memcpy(text + strlen(HEADER), data, size);
	*length = strlen(HEADER) + size;
	if (text[*length - 1] != '\n')
		text[(*length)++] = '\n';
	for (size_t i = 0; i < *length; i++)
		lines += text[i] == '\n';
	*length += (size_t)snprintf(text + *length, room - *length, "end %zu crc32 %08lx\n", lines,
				    crc32_z(0, (const Bytef *)text, *length));
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *framed = NULL;
	size_t length;

	check_text((const char *)data, size);
	framed = frame(data, size, &length);
	check_text(framed, length);
	return 0;
}
