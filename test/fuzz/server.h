// A whole server in this process, as atolld starts it, with one database, and clients that speak to it over TCP.
//
// Its tokens may only read: what one input does, the next one does not find. In an input, $TOKEN stands for the database's
// and $PLATFORM for one of the Platform API.
#ifndef ATOLL_TEST_FUZZ_SERVER_H
#define ATOLL_TEST_FUZZ_SERVER_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include "api/api.h"
#include "api/upload_site.h"
#include "console/web.h"
#include "hrana/hrana.h"
#include "net/server.h"
#include "platform/group.h"
#include "platform/scope.h"
#include "unit/platform/world.h"

enum {
	SERVER_PATIENCE_MS = 10000, // longer than anything here takes on a busy machine
	SERVER_LABEL_BYTES = 64,
};

static struct {
	struct world world;
	struct hrana *hrana;
	struct api *api;
	struct net_server *net;
	in_port_t port;
	unsigned dialed;
	const char *token;
	const char *platform_token;
} server;

static inline void server_remove(void)
{
	struct error err;
	if (!disk_remove_tree(server.world.folder, &err))
		fprintf(stderr, "%s\n", err.message);
}

static inline void server_open_platform(struct world *world)
{
	const char *place = getenv("TMPDIR");
	snprintf(world->folder, sizeof(world->folder), "%.40s/atoll-fuzz-XXXXXX", place ? place : "/tmp");
	ASSERT(mkdtemp(world->folder));
	atexit(server_remove);
	snprintf(world->bootstrap_file, sizeof(world->bootstrap_file), "%s/bootstrap.json", world->folder);
	world_must(world, crypt_start(&world->err) && workers_start(8, 2, &world->workers, &world->err));
	struct fleet_options fleet = {.data_folder = world->folder,
				      .workers = world->workers,
				      .limits = {.statement_ms_max = 100,
						 .transaction_ms_max = 5000,
						 .lane_wait_ms_max = 5000,
						 .sql_bytes_max = 100000,
						 .connections_per_instance_max = 16,
						 .row_bytes_max = 100000,
						 .transaction_bytes_max = 4 << 20},
				      .log_bytes_max = 64 << 20};
	world_must(world, fleet_open(&fleet, &world->fleet, &world->err));
	struct platform_options platform = {.fleet = world->fleet, .domain = "db.test"};
	bool created;
	world_must(world, platform_open(&platform, &world->platform, &world->err));
	world_must(world, world_bootstrap(world, &created));
	world_enter(world);
}

static inline void server_make_tokens(struct world *world)
{
	struct group group;
	struct group_wish group_wish = {.name = "default", .location = "ord"};
	struct database database;
	struct database_wish database_wish = {.name = "db", .group = "default"};
	world_must(world, platform_create_group(world->platform, &world->caller, &world->organization,
						&group_wish, &world->arena, &group, &world->err));
	world_must(world, platform_create_database(world->platform, &world->caller, &world->organization,
						   &database_wish, &world->arena, &database, &world->err));
	server.token = world_bearer(world, &database, NULL, "read-only") + strlen("Bearer ");
	struct token token;
	struct token_wish wish = {
		.name = "fuzz", .organization = "my-org", .group = "default", .scopes = SCOPE_READ};
	world_must(world, platform_mint_token(world->platform, &world->caller, &wish, &world->arena, &token,
					      &server.platform_token, &world->err));
}

static inline void server_listen(struct world *world)
{
	static struct net_site sites[4];
	struct hrana_options hrana = {.fleet = world->fleet,
				      .access = platform_access(world->platform),
				      .workers = world->workers,
				      .domain = "db.test",
				      .baton_key = "key of the fuzzer, 32 bytes long"};
	struct api_options api = {.platform = world->platform, .domain = "db.test", .wait_ms_max = 100};
	world_must(world, hrana_open(&hrana, &server.hrana, &world->err));
	world_must(world, api_open(&api, &server.api, &world->err));
	sites[0] = upload_site(server.api);
	sites[1] = hrana_site(server.hrana);
	sites[2] = web_site();
	sites[3] = api_site(server.api);
	const struct net_options net = {
		.listen = "127.0.0.1:0",
		.thread_count = 1,
		.workers = world->workers,
		.sites = sites,
		.site_count = ARRAY_LENGTH(sites),
		.connections_max = 64,
		.head_bytes_max = 16384,
		.sockets_max = 16,
		.socket_message_bytes_max = 1 << 20,
		.socket_queue_bytes_max = 1 << 20,
		.compress_bytes_min = 1024,
		.streams_max = 2,
		// A client's end that comes while its request is worked on may be noticed only by that.
		.idle_timeout_s = 1,
	};
	world_must(world, net_server_start(&net, &server.net, &world->err));
	server.port = htons((in_port_t)atoi(strrchr(net_server_address(server.net), ':') + 1));
}

static inline void server_start(void)
{
	server_open_platform(&server.world);
	server_make_tokens(&server.world);
	server_listen(&server.world);
}

// The fuzzer looks at its clock by a signal, which may come in the middle of any call that waits.
static inline void server_connect(int fd, const struct sockaddr_in *to)
{
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0)
		return;
	ASSERT(errno == EINTR);
	struct pollfd wait = {.fd = fd, .events = POLLOUT};
	while (poll(&wait, 1, SERVER_PATIENCE_MS) < 0)
		ASSERT(errno == EINTR);
	int error = 0;
	socklen_t size = sizeof(error);
	ASSERT(wait.revents == POLLOUT && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0);
	ASSERT(error == 0);
}

// Each connection comes from another address, so that ports are not used up by those that wait for their end.
static inline int server_dial(void)
{
	struct sockaddr_in from = {.sin_family = AF_INET};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = server.port};
	from.sin_addr.s_addr = htonl(0x7f010001 + server.dialed++ % 0xf0000);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	ASSERT(fd >= 0 && bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0);
	server_connect(fd, &to);
	return fd;
}

static inline void server_send(int fd, const void *bytes, size_t size)
{
	const char *at = bytes;
	while (size > 0) {
		ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return; // the server may end the connection before it has read everything
		at += sent;
		size -= (size_t)sent;
	}
}

enum server_heard { HEARD_BYTES, HEARD_NOTHING, HEARD_END };

// Appends what the server says within the time.
static inline enum server_heard server_hear(int fd, int wait_ms, struct buffer *out)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	int64_t deadline_ms = clock_monotonic_ms() + wait_ms;
	int ready = poll(&wait, 1, wait_ms);
	while (ready < 0 && errno == EINTR) {
		int64_t left_ms = deadline_ms - clock_monotonic_ms();
		ready = poll(&wait, 1, left_ms > 0 ? (int)left_ms : 0);
	}
	if (ready == 0)
		return HEARD_NOTHING;
	char *room = buffer_reserve(out, 64 * 1024);
	ASSERT(room != NULL);
	ssize_t got = recv(fd, room, 64 * 1024, 0);
	if (got <= 0)
		return HEARD_END;
	out->size += (size_t)got;
	return HEARD_BYTES;
}

// After the client has said its last word.
static inline void server_hear_all(int fd, struct buffer *out)
{
	shutdown(fd, SHUT_WR);
	int64_t deadline_ms = clock_monotonic_ms() + SERVER_PATIENCE_MS;
	while (server_hear(fd, SERVER_PATIENCE_MS, out) != HEARD_END) {
		if (clock_monotonic_ms() > deadline_ms) {
			fprintf(stderr, "the server does not end the connection\n");
			abort();
		}
	}
	close(fd);
}

// The input with its tokens filled in.
static inline void server_expand(const uint8_t *data, size_t size, struct buffer *out)
{
	const struct {
		const char *name;
		const char *value;
	} words[] = {{"$TOKEN", server.token}, {"$PLATFORM", server.platform_token}};
	for (size_t at = 0; at < size;) {
		size_t taken = 0;
		for (size_t i = 0; i < ARRAY_LENGTH(words) && taken == 0; i++) {
			size_t length = strlen(words[i].name);
			if (size - at >= length && memcmp(data + at, words[i].name, length) == 0) {
				buffer_append_text(out, words[i].value);
				taken = length;
			}
		}
		if (taken == 0) {
			buffer_append_byte(out, (char)data[at]);
			taken = 1;
		}
		at += taken;
	}
}

#endif
