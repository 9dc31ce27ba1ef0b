/* SPDX-License-Identifier: Apache-2.0 */
/* The first bytes of dropped frames as a classic pcap file, with nanoseconds. */
#ifndef APIMGATE_CLI_PCAP_H
#define APIMGATE_CLI_PCAP_H

#include <stdint.h>
#include <stdio.h>

#include "agent/base/report.h"
#include "apimgate/abi.h"

/*
 * Makes the file (mode 0600: it holds traffic) and writes its head. "-" is
 * standard output. *out belongs to the caller.
 */
int pcap_open(const char *path, FILE **out, struct report *report);

/* Writes one frame. Errors show with pcap_flush(). */
void pcap_write(FILE *file, const struct gate_event *event, int64_t seconds, uint32_t nanoseconds);
int pcap_flush(FILE *file, struct report *report);

#endif
