#include "net/server.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypt.h"
#include "base/disk.h"
#include "base/exposition.h"
#include "base/trace.h"
#include "net/connection.h"
#include "net/counts.h"
#include "net/intake.h"
#include "net/outflow.h"
#include "net/sockets.h"
#include "net/sweeper.h"
#include "net/tls.h"

enum {
	STACK_BYTES = 32 * 1024 * 1024, // as a worker's: quick statements are compiled here (base/workers.c)
	POOL_SPARE_BYTES = 4 * 1024,    // for the library's own lists and the reply's head
};

// -- the library --------------------------------------------------------------------------------------

static void write_peer(struct MHD_Connection *mhd, char text[INET6_ADDRSTRLEN])
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *address = info ? info->client_addr : NULL;
	if (address && address->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr, text,
			  INET6_ADDRSTRLEN);
	if (address && address->sa_family == AF_INET6)
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, text,
			  INET6_ADDRSTRLEN);
}

static void connection_open(struct net_server *server, struct MHD_Connection *mhd, void **out)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	ASSERT(connection != NULL);
	connection->server = server;
	connection->mhd = mhd;
	connection->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	write_peer(mhd, connection->peer);
	connection->request.connection = connection;
	pthread_mutex_lock(&server->mutex);
	connection->number = ++server->connection_count;
	connection->next = server->connections;
	if (connection->next)
		connection->next->previous = connection;
	server->connections = connection;
	pthread_mutex_unlock(&server->mutex);
	*out = connection;
}

void connection_free(struct connection *connection)
{
	buffer_cleanup(&connection->request.body);
	buffer_cleanup(&connection->request.reply);
	buffer_cleanup(&connection->request.compressed);
	arena_cleanup(&connection->request.arena);
	if (connection->request.has_file)
		fd_cleanup(&connection->request.file_fd);
	intake_free(connection->request.intake);
	outflow_free(connection->request.outflow);
	free(connection);
}

static void connection_close(struct connection *connection)
{
	struct net_server *server = connection->server;
	pthread_mutex_lock(&server->mutex);
	if (connection->previous)
		connection->previous->next = connection->next;
	else
		server->connections = connection->next;
	if (connection->next)
		connection->next->previous = connection->previous;
	pthread_cond_broadcast(&server->changed);
	pthread_mutex_unlock(&server->mutex);
	struct intake *intake = connection->request.intake;
	struct outflow *outflow = connection->request.outflow;
	if ((!intake || intake_orphan(intake)) && (!outflow || outflow_orphan(outflow)))
		connection_free(connection);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
			  enum MHD_ConnectionNotificationCode what)
{
	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		connection_open(cls, mhd, socket_context);
	} else if (*socket_context) {
		connection_close(*socket_context);
		*socket_context = NULL;
	}
}

// Paths and queries are decoded by us, after the split (router.h).
static size_t keep_escapes(void *cls, struct MHD_Connection *mhd, char *text)
{
	(void)cls;
	(void)mhd;
	return strlen(text);
}

static void on_library_message(void *cls, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));
static void on_library_message(void *cls, const char *format, va_list args)
{
	(void)cls;
	if (!trace_enabled(TRACE_DEBUG))
		return;
	char text[200];
	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = '\0';
	trace_debug("http.library", "message", text);
}

static int give_certificate(gnutls_session_t session, const gnutls_datum_t *issuers, int issuer_count,
			    const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
			    gnutls_pcert_st **out_certificates, unsigned *out_count,
			    gnutls_privkey_t *out_key)
{
	(void)issuers;
	(void)issuer_count;
	(void)algorithms;
	(void)algorithm_count;
	struct MHD_Connection *mhd = gnutls_session_get_ptr(session);
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct connection *connection = info->socket_context;
	const struct tls_pair *pair = tls_current(connection->server->tls);
	*out_certificates = pair->certificates;
	*out_count = pair->certificate_count;
	*out_key = pair->key;
	return 0;
}

static unsigned threads_of(const struct net_options *options)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	return options->thread_count > 0 ? (unsigned)options->thread_count
					 : (unsigned)(cores > 0 ? cores : 1);
}

static bool start_sockets(struct net_server *server, const struct net_options *options, struct error *err)
{
	const struct sockets_options sockets = {
		.loop_count = threads_of(options),
		.count_max = options->sockets_max,
		.message_bytes_max = options->socket_message_bytes_max,
		.queued_bytes_max = options->socket_queue_bytes_max,
	};
	return sockets_start(&sockets, &server->sockets, err);
}

static struct MHD_Daemon *start_daemon(struct net_server *server, const struct net_options *options,
				       int listener)
{
	unsigned threads = threads_of(options);
	// The library shares the connections out among its threads and starts none that would get none.
	if (threads > options->connections_max)
		threads = (unsigned)options->connections_max;
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE |
			 MHD_USE_ERROR_LOG;
	if (server->tls)
		flags |= MHD_USE_TLS;
	struct MHD_OptionItem more[4] = {0};
	size_t count = 0;
	// A pool of one would cost a thread that only waits.
	if (threads > 1)
		more[count++] = (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)threads, NULL};
	if (server->tls)
		more[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_CERT_CALLBACK, 0,
							(void *)(uintptr_t)give_certificate};
	more[count] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
	return MHD_start_daemon(flags, 0, NULL, NULL, exchange_step, server,                      //
				MHD_OPTION_EXTERNAL_LOGGER, on_library_message, NULL,             //
				MHD_OPTION_LISTEN_SOCKET, (MHD_socket)listener,                   //
				MHD_OPTION_URI_LOG_CALLBACK, exchange_begin, server,              //
				MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,                 //
				MHD_OPTION_NOTIFY_COMPLETED, exchange_end, server,                //
				MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,              //
				MHD_OPTION_STRICT_FOR_CLIENT, 0,                                  //
				MHD_OPTION_CONNECTION_LIMIT, (unsigned)options->connections_max,  //
				MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)options->idle_timeout_s, //
				MHD_OPTION_CONNECTION_MEMORY_LIMIT,
				options->head_bytes_max + POOL_SPARE_BYTES,        //
				MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_BYTES, //
				MHD_OPTION_ARRAY, more, MHD_OPTION_END);
}

// -- life ---------------------------------------------------------------------------------------------

static void server_free(struct net_server *server)
{
	tls_close(server->tls);
	counts_free(server->counts);
	for (size_t i = 0; i < server->site_count; i++)
		router_destroy(server->sites[i].router);
	free(server->sites);
	pthread_mutex_destroy(&server->mutex);
	pthread_cond_destroy(&server->changed);
	free(server);
}

static struct net_server *server_create(const struct net_options *options)
{
	struct net_server *server = calloc(1, sizeof(*server));
	ASSERT(server != NULL);
	server->workers = options->workers;
	server->head_bytes_max = options->head_bytes_max;
	server->idle_timeout_ms = (int64_t)options->idle_timeout_s * 1000;
	server->intake_count_max = options->streams_max;
	server->compress_bytes_min = options->compress_bytes_min;
	server->looked_ms = clock_monotonic_ms();
	server->was_alive = true;
	server->site_count = options->site_count;
	server->sites = calloc(options->site_count + 1, sizeof(*server->sites));
	ASSERT(server->sites != NULL);
	for (size_t i = 0; i < options->site_count; i++) {
		server->sites[i].site = options->sites[i];
		server->sites[i].router =
			router_create(options->sites[i].routes, options->sites[i].route_count);
	}
	server->counts = counts_create(options->sites, options->site_count);
	crypt_random_hex(4, server->id_prefix);
	pthread_mutex_init(&server->mutex, NULL);
	clock_cond_init(&server->changed);
	return server;
}

bool net_server_start(const struct net_options *options, struct net_server **out, struct error *err)
{
	ASSERT(options->workers != NULL && options->connections_max > 0 && options->head_bytes_max > 0);
	ASSERT(options->idle_timeout_s > 0);
	struct net_server *server = server_create(options);
	OWNED(net_listener) struct net_listener listener = {.fd = -1};
	if (options->listener) {
		listener = *options->listener;
		options->listener->fd = -1;
	}
	if ((options->tls_cert && !tls_open(options->tls_cert, options->tls_key, &server->tls, err)) ||
	    (listener.fd < 0 && !net_listen(options->listen, &listener, err)) ||
	    (options->sockets_max > 0 && !start_sockets(server, options, err))) {
		server_free(server);
		return false;
	}
	memcpy(server->address, listener.address, sizeof(server->address));
	server->daemon = start_daemon(server, options, listener.fd);
	if (!server->daemon) {
		if (server->sockets)
			sockets_stop(server->sockets);
		sockets_free(server->sockets);
		server_free(server);
		return error_set(err, ERR_INTERNAL, "the HTTP library did not start");
	}
	listener.fd = -1; // the library closes it
	server->sweeper = sweeper_start(server, options->idle_timeout_s);
	*out = server;
	return true;
}

const char *net_server_address(const struct net_server *server)
{
	return server->address;
}

bool net_server_reload_tls(struct net_server *server, struct error *err)
{
	return server->tls ? tls_reload(server->tls, err) : true;
}

size_t request_site_number(const struct net_request *request)
{
	const struct net_server *server = request->connection->server;
	if (!request->site)
		return server->site_count;
	// Its site is the first member of an entry.
	return (size_t)((const struct site_entry *)(const void *)request->site - server->sites);
}

bool net_server_is_draining(const struct net_server *server)
{
	return atomic_load(&server->draining);
}

static uint64_t count_connections(struct net_server *server, uint64_t *out_all)
{
	uint64_t open = 0;
	pthread_mutex_lock(&server->mutex);
	for (const struct connection *at = server->connections; at; at = at->next)
		open++;
	*out_all = server->connection_count;
	pthread_mutex_unlock(&server->mutex);
	return open;
}

void net_server_write_metrics(struct net_server *server, struct buffer *out)
{
	uint64_t all;
	uint64_t open = count_connections(server, &all);
	counts_write(server->counts, out);
	exposition_single(out, "atoll_http_open_connections", "gauge", "Open connections of clients.",
			  (double)open);
	exposition_single(out, "atoll_http_connections_total", "counter", "Connections that clients opened.",
			  (double)all);
	exposition_single(out, "atoll_open_websockets", "gauge", "Open WebSockets.",
			  server->sockets ? (double)sockets_count(server->sockets) : 0);
}

void server_notice(struct net_server *server)
{
	if (!atomic_load(&server->draining))
		return;
	pthread_mutex_lock(&server->mutex);
	pthread_cond_broadcast(&server->changed);
	pthread_mutex_unlock(&server->mutex);
}

static bool is_busy_locked(const struct net_server *server)
{
	for (const struct connection *at = server->connections; at; at = at->next) {
		if (atomic_load(&at->phase) != PHASE_WAITING)
			return true;
	}
	return false;
}

static bool is_handling_locked(const struct net_server *server)
{
	for (const struct connection *at = server->connections; at; at = at->next) {
		if (atomic_load(&at->phase) == PHASE_HANDLING)
			return true;
	}
	return server->held_count > 0 || server->intake_count > 0 || server->outflow_count > 0;
}

// The library can stop listening, but does so in a race with its own threads that it ends by aborting the
// process (0.9.75, MHD_quiesce_daemon with a pool); so who comes now is told so with a 503.
void net_server_drain(struct net_server *server, int64_t deadline_ms)
{
	atomic_store(&server->draining, true);
	if (server->sockets)
		sockets_drain(server->sockets);
	pthread_mutex_lock(&server->mutex);
	while (is_busy_locked(server) && clock_cond_wait(&server->changed, &server->mutex, deadline_ms)) {
	}
	pthread_mutex_unlock(&server->mutex);
}

void net_server_stop(struct net_server *server)
{
	if (!server)
		return;
	atomic_store(&server->draining, true);
	atomic_store(&server->stopping, true);
	sweeper_stop(server->sweeper);
	intakes_break(server);
	outflows_break(server);
	// The library aborts when it is stopped over a suspended request.
	pthread_mutex_lock(&server->mutex);
	while (is_handling_locked(server))
		clock_cond_wait(&server->changed, &server->mutex, INT64_MAX);
	pthread_mutex_unlock(&server->mutex);
	if (server->sockets)
		sockets_stop(server->sockets);
	MHD_stop_daemon(server->daemon);
	sockets_free(server->sockets);
	server_free(server);
}
