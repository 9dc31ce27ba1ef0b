// SPDX-License-Identifier: Apache-2.0
/*
 * With default drop, answers to what this host opened pass. Real sockets over
 * loopback: what counts is the socket that the kernel finds, and its state.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/base/cleanup.h"
#include "tests/packet/rig.h"

#define LOCAL4 "127.0.0.1"
#define LOCAL6 "::1"

static void close_world(void)
{
	rig_policy("set apim 20.1.2.0/24; service web tcp 443 * apim; default drop;");
}

/* port 0: any. Returns the size of the address. */
static socklen_t make_address(int family, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;

	memset(out, 0, sizeof(*out));
	if (family == 4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	v6->sin6_addr = in6addr_loopback;
	return sizeof(*v6);
}

static uint16_t port_of(int fd)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return 0;
	/* At the same place in both. */
	return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static int open_bound(int family, int type)
{
	int fd = socket(family == 4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0);
	struct sockaddr_storage address;
	socklen_t size = make_address(family, 0, &address);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0)
		rig_fail("cannot bind a socket: %s", strerror(errno));
	return fd;
}

static int connect_to(int fd, int family, uint16_t port)
{
	struct sockaddr_storage address;
	socklen_t size = make_address(family, port, &address);

	return connect(fd, (struct sockaddr *)&address, size) < 0 ? -errno : 0;
}

/* The socket receives nothing: for TCP, whatever comes is as if lost. */
static void deafen(int fd)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = {1, &drop};

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
		rig_fail("cannot filter a socket: %s", strerror(errno));
}

/* Is a frame from the peer's port to ours a reply? */
static void expect_answer(int family, const char *proto, uint16_t from, uint16_t to, bool reply)
{
	const char *local = family == 4 ? LOCAL4 : LOCAL6;

	rig_expect_reply(reply, "v%d %s>%s %s=%u>%u", family, local, local, proto, from, to);
}

static void test_tcp(const void *row)
{
	int family = *(const int *)row;
	const char *local = family == 4 ? LOCAL4 : LOCAL6;
	_cleanup_close_ int listener = -1, client = -1, server = -1;
	uint16_t port, own;

	close_world();
	listener = open_bound(family, SOCK_STREAM);
	client = open_bound(family, SOCK_STREAM);
	port = port_of(listener);
	own = port_of(client);
	/* Bound, and nothing else. */
	expect_answer(family, "tcp", port, own, false);
	listen(listener, 4);
	/* A listener takes SYNs from anybody: it is a server. */
	expect_answer(family, "tcp", own, port, false);
	expect_answer(family, "tcp", 9, port, false);
	if (connect_to(client, family, port) < 0)
		rig_fail("cannot connect");
	expect_answer(family, "tcp", port, own, true);
	expect_answer(family, "tcp", 9, port, false);
	/* Another peer, port or protocol is not that connection. */
	expect_answer(family, "tcp", 9, own, false);
	expect_answer(family, "tcp", port, (uint16_t)(own ^ 1), false);
	expect_answer(family, "tcp", own, own, false);
	expect_answer(family, "udp", port, own, false);
	rig_expect_reply(false, "v%d D>%s tcp=%u>%u", family, local, port, own);
	rig_expect_reply(false, "v%d %s>H tcp=%u>%u", family, local, port, own);
	/* Parts of it, and wrappings. */
	rig_expect_reply(true, "vlan v%d %s>%s tcp=%u>%u", family, local, local, port, own);
	if (family == 4) {
		rig_expect_reply(true, "v4 %s>%s opts=8 tcp=%u>%u", local, local, port, own);
		rig_expect_reply(true, "v4 %s>%s mf tcp=%u>%u", local, local, port, own);
		rig_expect_reply(false, "v4 %s>%s off=3 udp=%u>%u", local, local, port, own);
	} else {
		rig_expect_reply(true, "v6 %s>%s dst tcp=%u>%u", local, local, port, own);
		rig_expect_reply(false, "v6 %s>%s fh=3 udp=%u>%u", local, local, port, own);
	}
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	/* What it accepted before the gate was closed goes on. */
	expect_answer(family, "tcp", own, port, true);
	cleanup_close(&client);
	client = -1;
	/* The other side has closed: what it still sends belongs to it. */
	expect_answer(family, "tcp", own, port, true);
}

/* SYN-SENT has an answer coming; the half-open side of a listener has not asked for one. */
static void test_tcp_half_open(const void *row)
{
	int family = *(const int *)row;
	_cleanup_close_ int listener = -1, client = -1;
	struct pollfd never;

	close_world();
	listener = open_bound(family, SOCK_STREAM);
	client = open_bound(family, SOCK_STREAM);
	listen(listener, 4);
	deafen(client);
	fcntl(client, F_SETFL, O_NONBLOCK);
	if (connect_to(client, family, port_of(listener)) != -EINPROGRESS)
		rig_fail("the connection is not in progress");
	never = (struct pollfd){client, POLLOUT, 0};
	if (poll(&never, 1, 20) != 0)
		rig_fail("a deaf client connects");
	expect_answer(family, "tcp", port_of(listener), port_of(client), true);
	expect_answer(family, "tcp", port_of(client), port_of(listener), false);
}

static void test_udp(const void *row)
{
	int family = *(const int *)row;
	const char *local = family == 4 ? LOCAL4 : LOCAL6;
	_cleanup_close_ int server = open_bound(family, SOCK_DGRAM);
	_cleanup_close_ int client = open_bound(family, SOCK_DGRAM);
	uint16_t port = port_of(server), own = port_of(client);

	close_world();
	/* Bound only: servers, both. */
	expect_answer(family, "udp", port, own, false);
	expect_answer(family, "udp", own, port, false);
	if (connect_to(client, family, port) < 0)
		rig_fail("cannot connect");
	expect_answer(family, "udp", port, own, true);
	expect_answer(family, "udp", own, port, false);
	expect_answer(family, "udp", 9, own, false);
	expect_answer(family, "tcp", port, own, false);
	rig_expect_reply(false, "v%d D>%s udp=%u>%u", family, local, port, own);
	rig_expect_reply(false, "v%d %s>H udp=%u>%u", family, local, port, own);
}

/* A server and a connected socket on one port: only the peer of the one gets through. */
static void test_udp_shared(const void *row)
{
	int family = *(const int *)row, one = 1, type = SOCK_DGRAM | SOCK_CLOEXEC;
	int domain = family == 4 ? AF_INET : AF_INET6;
	_cleanup_close_ int server = socket(domain, type, 0);
	_cleanup_close_ int connected = socket(domain, type, 0);
	struct sockaddr_storage address;
	socklen_t size = make_address(family, 5353, &address);

	close_world();
	setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(connected, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(server, (struct sockaddr *)&address, size) < 0 ||
	    bind(connected, (struct sockaddr *)&address, size) < 0 ||
	    connect_to(connected, family, 6000) < 0)
		rig_fail("cannot share a port: %s", strerror(errno));
	expect_answer(family, "udp", 6000, 5353, true);
	expect_answer(family, "udp", 6001, 5353, false);
	expect_answer(family, "udp", 5353, 6000, false);
}

/* A socket of IPv6 that speaks IPv4 is found by the IPv4 frame. */
static void test_mapped(const void *row)
{
	_cleanup_close_ int listener = -1, client = -1;
	struct sockaddr_in6 to = {.sin6_family = AF_INET6};

	(void)row;
	close_world();
	listener = open_bound(4, SOCK_STREAM);
	listen(listener, 4);
	client = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &to.sin6_addr);
	to.sin6_port = htons(port_of(listener));
	if (client < 0 || connect(client, (struct sockaddr *)&to, sizeof(to)) < 0) {
		rig_fail("cannot connect: %s", strerror(errno));
		return;
	}
	expect_answer(4, "tcp", port_of(listener), port_of(client), true);
	rig_expect_reply(false, "v6 ::ffff:127.0.0.1>::ffff:127.0.0.1 tcp=%u>%u", 9,
			 port_of(listener));
}

/* Only default drop asks: a service that covers the port does not. */
static void test_services_first(const void *row)
{
	_cleanup_close_ int listener = open_bound(4, SOCK_STREAM);
	_cleanup_close_ int client = open_bound(4, SOCK_STREAM);
	uint16_t port, own;

	(void)row;
	listen(listener, 4);
	port = port_of(listener);
	own = port_of(client);
	if (connect_to(client, 4, port) < 0)
		rig_fail("cannot connect");
	rig_policy("set apim 20.1.2.0/24; service web tcp %u * apim; default drop;", own);
	rig_expect(GATE_NOT_ALLOWED, "v4 " LOCAL4 ">" LOCAL4 " tcp=%u>%u", port, own);
	rig_policy("set apim 20.1.2.0/24; service web tcp %u * apim;", port);
	rig_expect(GATE_UNPROTECTED, "v4 " LOCAL4 ">" LOCAL4 " tcp=%u>%u", port, own);
	rig_policy("set apim 20.1.2.0/24; service all any * * apim; default drop;");
	rig_expect(GATE_NOT_ALLOWED, "v4 " LOCAL4 ">" LOCAL4 " tcp=%u>%u", port, own);
}

static void test_icmp(const void *row)
{
	(void)row;
	close_world();
	rig_expect(GATE_REPLY, "v4 D>H icmp=0");
	rig_expect(GATE_REPLY, "v6 D>H icmp6=129");
	rig_expect(GATE_DEFAULT_DROP, "v4 D>H icmp=8");
	rig_expect(GATE_DEFAULT_DROP, "v6 D>H icmp6=128");
	rig_expect(GATE_DEFAULT_DROP, "v4 D>H icmp=129");
	rig_expect(GATE_DEFAULT_DROP, "v6 D>H icmp=0");
	rig_expect(GATE_DEFAULT_DROP, "v4 D>H icmp6=129");
	rig_expect(GATE_DEFAULT_DROP, "v6 D>H icmp6=0");
	rig_expect(GATE_DEFAULT_DROP, "v4 D>H tcp=0>0");
}

void add_reply_tests(void)
{
	static const int v4 = 4, v6 = 6;

	rig_add_test("reply: TCP over IPv4", test_tcp, &v4);
	rig_add_test("reply: TCP over IPv6", test_tcp, &v6);
	rig_add_test("reply: half-open TCP over IPv4", test_tcp_half_open, &v4);
	rig_add_test("reply: half-open TCP over IPv6", test_tcp_half_open, &v6);
	rig_add_test("reply: UDP over IPv4", test_udp, &v4);
	rig_add_test("reply: UDP over IPv6", test_udp, &v6);
	rig_add_test("reply: UDP, one port for two, over IPv4", test_udp_shared, &v4);
	rig_add_test("reply: UDP, one port for two, over IPv6", test_udp_shared, &v6);
	rig_add_test("reply: IPv4 through a socket of IPv6", test_mapped, NULL);
	rig_add_test("reply: services come first", test_services_first, NULL);
	rig_add_test("reply: echo", test_icmp, NULL);
}
