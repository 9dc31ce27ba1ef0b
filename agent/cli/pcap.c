// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/pcap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>

#include "agent/base/cleanup.h"

#define PCAP_MAGIC_NANOSECONDS 0xa1b23c4dU
#define PCAP_ETHERNET 1

/* Both in the byte order of the writer; the magic says which one it is. */
struct pcap_head {
	uint32_t magic;
	uint16_t major, minor;
	int32_t zone;
	uint32_t accuracy;
	uint32_t snaplen;
	uint32_t network;
};

struct pcap_record {
	uint32_t seconds, nanoseconds;
	uint32_t captured, length;
};

int pcap_open(const char *path, FILE **out, struct report *report)
{
	struct pcap_head head = {
		.magic = PCAP_MAGIC_NANOSECONDS,
		.major = 2,
		.minor = 4,
		.snaplen = GATE_EVENT_BYTES,
		.network = PCAP_ETHERNET,
	};
	_cleanup_close_ int fd =
		strcmp(path, "-") ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)
				  : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	_cleanup_fclose_ FILE *file = NULL;

	if (fd < 0)
		return report_errno(report, errno, "making %s", path);
	file = fdopen(fd, "w");
	if (!file)
		return report_errno(report, errno, "making %s", path);
	TAKE_FD(fd);
	fwrite(&head, sizeof(head), 1, file);
	if (pcap_flush(file, report))
		return -EIO;
	*out = TAKE_PTR(file);
	return 0;
}

void pcap_write(FILE *file, const struct gate_event *event, int64_t seconds, uint32_t nanoseconds)
{
	uint32_t captured = event->captured < GATE_EVENT_BYTES ? event->captured : GATE_EVENT_BYTES;
	struct pcap_record record = {
		.seconds = (uint32_t)seconds,
		.nanoseconds = nanoseconds,
		.captured = captured,
		.length = event->frame_length > captured ? event->frame_length : captured,
	};

	fwrite(&record, sizeof(record), 1, file);
	fwrite(event->bytes, captured, 1, file);
}

int pcap_flush(FILE *file, struct report *report)
{
	if (!fflush(file) && !ferror(file))
		return 0;
	return report_errno(report, errno, "writing the pcap file");
}
