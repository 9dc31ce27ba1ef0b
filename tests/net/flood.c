// SPDX-License-Identifier: Apache-2.0
/*
 * Numbered UDP packets at a steady rate, and who received which of them.
 *
 *	flood send ADDRESS PORT SENDER PACKETS-A-SECOND
 *	flood receive ADDRESS PORT
 *
 * Both say "ready", run until SIGTERM, and print one JSON object: how many were
 * sent; or for each sender how many were received, and how many of them twice.
 */
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SENDERS 8
#define MAX_PACKETS (1U << 26)
#define BATCH 64
#define TICK_NS 500000
#define BUFFER_BYTES (64 << 20)

struct packet {
	uint32_t sender;
	uint32_t number;
};

static volatile sig_atomic_t stopped;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_socket(const char *address, const char *port, int receives)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST};
	struct timeval wait = {.tv_usec = 50000};
	int bytes = BUFFER_BYTES, fd;
	struct addrinfo *found;

	if (getaddrinfo(address, port, &hints, &found))
		die(address);
	fd = socket(found->ai_family, SOCK_DGRAM, 0);
	if (fd < 0)
		die("socket");
	if (receives && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		die("SO_RCVBUFFORCE");
	if (receives && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0)
		die("SO_RCVTIMEO");
	if ((receives ? bind : connect)(fd, found->ai_addr, found->ai_addrlen) < 0)
		die(receives ? "bind" : "connect");
	freeaddrinfo(found);
	puts("ready");
	fflush(stdout);
	return fd;
}

static void send_packets(int fd, uint32_t sender, uint64_t rate)
{
	struct timespec start, now, tick = {.tv_nsec = TICK_NS};
	struct packet packet = {.sender = sender};
	uint64_t due, elapsed;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (!stopped) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		elapsed = (uint64_t)(now.tv_sec - start.tv_sec) * 1000000000U +
			  (uint64_t)now.tv_nsec - (uint64_t)start.tv_nsec;
		due = elapsed / 1000 * rate / 1000000;
		/* What a busy machine kept from being sent is not sent in one burst. */
		for (int i = 0; i < BATCH && packet.number < due; i++) {
			if (send(fd, &packet, sizeof(packet), 0) != sizeof(packet))
				die("send");
			packet.number++;
		}
		nanosleep(&tick, NULL);
	}
	printf("{\"sent\": %u}\n", packet.number);
}

static void receive_packets(int fd)
{
	static uint8_t *seen[SENDERS];
	static uint32_t received[SENDERS], twice[SENDERS];
	struct packet packet;

	for (;;) {
		ssize_t length = recv(fd, &packet, sizeof(packet), 0);

		if (length < 0 && errno == EAGAIN && stopped)
			break;
		if (length < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (length != sizeof(packet) || packet.sender >= SENDERS ||
		    packet.number >= MAX_PACKETS)
			die("recv");
		if (!seen[packet.sender])
			seen[packet.sender] = calloc(MAX_PACKETS / 8, 1);
		received[packet.sender]++;
		twice[packet.sender] +=
			seen[packet.sender][packet.number / 8] >> (packet.number % 8) & 1;
		seen[packet.sender][packet.number / 8] |= (uint8_t)(1 << packet.number % 8);
	}
	printf("{");
	for (int i = 0; i < SENDERS; i++)
		printf("%s\"%d\": {\"received\": %u, \"twice\": %u}", i ? ", " : "", i, received[i],
		       twice[i]);
	printf("}\n");
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = stop};

	sigaction(SIGTERM, &action, NULL);
	if (argc == 6 && !strcmp(argv[1], "send"))
		send_packets(open_socket(argv[2], argv[3], 0), (uint32_t)atoi(argv[4]),
			     (uint64_t)atoi(argv[5]));
	else if (argc == 4 && !strcmp(argv[1], "receive"))
		receive_packets(open_socket(argv[2], argv[3], 1));
	else
		return 2;
	return 0;
}
