// atolld: the server. Reads its settings, starts the modules from the lowest to the highest, serves until it is told
// to stop, and stops them in reverse order.

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "api/api.h"
#include "api/upload_site.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/crypt.h"
#include "base/disk.h"
#include "base/service.h"
#include "base/settings.h"
#include "base/trace.h"
#include "base/workers.h"
#include "console/watch.h"
#include "console/web.h"
#include "fleet/fleet.h"
#include "fleet/survey.h"
#include "hrana/hrana.h"
#include "net/fetch.h"
#include "net/server.h"
#include "platform/backup.h"
#include "platform/platform.h"
#include "platform/token.h"
#include "platform/user.h"
#include "platform/watch.h"
#include "sync/sync.h"

enum {
	EXIT_FAULT = 1,
	EXIT_USAGE = 2,
	WORKERS_RESERVE = 16,
	WAITERS_MAX = 64,
	LAST_WORD_MS = 2000,
	CLOSING_MS = 60000, // databases are closed and checkpointed
	HEAD_BYTES_MAX = 12 * 1024,
	IDLE_TIMEOUT_S = 60,
	MALLOC_ARENAS_MAX = 4,
	BATON_KEY_BYTES = 32,
	WATCHDOG_SHARE = 3, // how often it is told within its time
	METRICS_CONNECTIONS_MAX = 32,
	OTHER_FILES = 128, // the platform's own store, logs, exports under way
	PASSWORD_LINE_BYTES = 2048,
};

static const char username_fallback[] = "admin";

struct atolld {
	struct settings settings;
	struct service service;
	int lock_fd;
	struct workers *workers;
	struct fleet *fleet;
	struct platform *platform;
	struct api *api;
	struct hrana *hrana;
	struct sync *sync;
	struct net_listener listener;
	struct watch *watch;
	struct net_server *server;
	struct net_server *metrics_server;    // NULL: none of its own
	_Atomic(struct net_server *) serving; // for those who ask while it starts; NULL before
	atomic_bool stopping;                 // what is fetched for a request is given up
};

// -- process ------------------------------------------------------------------------------------------

static sigset_t handled_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	return set;
}

// Before the first thread: all inherit the mask, so that only sigwait sees the signals.
static void prepare_process(void)
{
	mallopt(M_ARENA_MAX, MALLOC_ARENAS_MAX);
	signal(SIGPIPE, SIG_IGN);
	// Also of what libraries and programs make for us.
	umask(S_IRWXG | S_IRWXO);
	sigset_t set = handled_signals();
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	// A core would hold keys and everybody's rows.
	struct rlimit none = {0, 0};
	setrlimit(RLIMIT_CORE, &none);
}

static void configure_trace(const struct settings *settings)
{
	enum trace_level level;
	bool known = trace_level_of(settings->log_level, &level);
	ASSERT(known);
	trace_configure(level, strcmp(settings->log_format, "json") == 0);
}

static const char *or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

// -- descriptors --------------------------------------------------------------------------------------

// Clients get half of them at most, databases what is left.
static int64_t sockets_max(const struct settings *settings, int64_t files_max)
{
	return settings->http_connections_max < files_max / 2 ? settings->http_connections_max
							      : files_max / 2;
}

static int64_t files_of_process(void)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur > INT32_MAX)
		return INT32_MAX;
	return (int64_t)files.rlim_cur;
}

static int database_files_max(const struct settings *settings)
{
	int64_t all = files_of_process();
	return (int)(all - sockets_max(settings, all) - OTHER_FILES);
}

// -- addresses ----------------------------------------------------------------------------------------

static bool is_tls(const struct settings *settings)
{
	return settings->tls_cert[0] != '\0';
}

// A name that only this machine knows is no name in DNS, with its limits.
static bool is_dns_domain(const char *domain)
{
	size_t size = strlen(domain);
	return strcmp(domain, "localhost") != 0 &&
	       !(size > 10 && strcmp(domain + size - 10, ".localhost") == 0);
}

// What hostnames of databases end in: clients are told the port where it is not the scheme's own.
static void write_domain(const struct settings *settings, int port, struct buffer *out)
{
	buffer_append_text(out, settings->domain);
	if (port != (is_tls(settings) ? 443 : 80))
		buffer_printf(out, ":%d", port);
}

// Where the first user finds the server: a certificate is good for its domain only, an address works without DNS.
static void write_url(const struct settings *settings, const struct net_listener *listener,
		      struct buffer *out)
{
	buffer_append_text(out, is_tls(settings) ? "https://" : "http://");
	if (is_tls(settings))
		write_domain(settings, listener->port, out);
	else if (strncmp(listener->address, "0.0.0.0:", 8) == 0)
		buffer_printf(out, "127.0.0.1:%d", listener->port);
	else if (strncmp(listener->address, "[::]:", 5) == 0)
		buffer_printf(out, "[::1]:%d", listener->port);
	else
		buffer_append_text(out, listener->address);
}

// -- start --------------------------------------------------------------------------------------------

static const char *path_in_data(struct buffer *out, const struct settings *settings, const char *name)
{
	buffer_truncate(out, 0);
	buffer_printf(out, "%s/%s", settings->data, name);
	return buffer_text(out);
}

static bool take_data_folder(struct atolld *atolld, struct error *err)
{
	OWNED(buffer) struct buffer path = {0};
	if (disk_lock(path_in_data(&path, &atolld->settings, "lock"), &atolld->lock_fd, err))
		return true;
	return error_context(err, "%s", atolld->settings.data);
}

// Batons are sealed with a key that outlives a restart, so that streams do too.
static bool read_baton_key(const struct settings *settings, uint8_t key[BATON_KEY_BYTES], struct error *err)
{
	OWNED(buffer) struct buffer path = {0};
	OWNED(buffer) struct buffer content = {0};
	path_in_data(&path, settings, "baton.key");
	if (disk_read_file(buffer_text(&path), BATON_KEY_BYTES, &content, err) &&
	    content.size == BATON_KEY_BYTES) {
		memcpy(key, content.data, BATON_KEY_BYTES);
		return true;
	}
	crypt_random(key, BATON_KEY_BYTES);
	return disk_write_file(buffer_text(&path), key, BATON_KEY_BYTES, err);
}

static struct engine_limits engine_limits_of(const struct settings *settings)
{
	return (struct engine_limits){
		.statement_ms_max = settings->statement_timeout,
		.transaction_ms_max = settings->transaction_timeout,
		.lane_wait_ms_max = settings->write_wait,
		.sql_bytes_max = (size_t)settings->sql_length_max,
		.transaction_bytes_max = (uint64_t)settings->transaction_size_max,
		.connections_per_instance_max = (int)settings->connections_max,
		.row_bytes_max = (size_t)settings->row_size_max,
		.statement_memory_max = settings->statement_memory_max,
		.statement_temp_max = settings->statement_temp_max,
		.statement_rows_max = settings->statement_rows_max,
	};
}

static bool is_stopping(void *context)
{
	struct atolld *atolld = context;
	return atomic_load(&atolld->stopping);
}

static bool fetch(void *context, const char *url, int fd, uint64_t size_max, uint64_t *out_size,
		  struct error *err)
{
	struct atolld *atolld = context;
	const struct net_fetch_limits limits = {
		.bytes_max = size_max,
		.timeout_ms = atolld->settings.fetch_timeout,
		.private_addresses = strcmp(atolld->settings.fetch_private_addresses, "yes") == 0,
		.is_cancelled = is_stopping,
		.context = atolld,
	};
	return net_fetch(url, fd, &limits, out_size, err);
}

// A quarter of the workers at most: the others make what is waited for.
static int waiters_max(const struct settings *settings)
{
	int quarter = (int)settings->workers_max / 4;
	return quarter > WAITERS_MAX ? WAITERS_MAX : quarter > 0 ? quarter : 1;
}

static int64_t memory_max(const struct settings *settings)
{
	return settings->memory_max > 0 ? settings->memory_max
					: (int64_t)sysconf(_SC_PHYS_PAGES) / 2 * sysconf(_SC_PAGESIZE);
}

static int long_statements_max(const struct settings *settings)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	return settings->long_statements_max > 0 ? (int)settings->long_statements_max
						 : (int)(cores > 0 ? cores : 1);
}

static struct fleet_options fleet_options_of(const struct atolld *atolld)
{
	const struct settings *settings = &atolld->settings;
	return (struct fleet_options){
		.data_folder = settings->data,
		.workers = atolld->workers,
		.limits = engine_limits_of(settings),
		.long_statements_max = long_statements_max(settings),
		.memory_max = memory_max(settings),
		.simulate_latency = or_null(settings->simulate_latency),
		.database_idle_ms = settings->database_idle_timeout,
		.open_databases_max = (int)settings->open_databases_max,
		.open_files_max = database_files_max(settings),
		.snapshots_max = (int)settings->snapshots_max,
		.log_bytes_max = (uint64_t)settings->log_bytes_max,
		.history_ms = settings->history_retention,
	};
}

static struct platform_options platform_options_of(struct atolld *atolld, const char *domain)
{
	const struct settings *settings = &atolld->settings;
	return (struct platform_options){
		.fleet = atolld->fleet,
		.domain = domain,
		.locations = settings->locations,
		.location_define = settings->location_define,
		.closest = settings->closest_region,
		.implicit_group = settings->implicit_group,
		.waiters_max = waiters_max(settings),
		.domain_in_dns = is_dns_domain(settings->domain),
		.workers = atolld->workers,
		.usage_interval_ms = settings->usage_interval,
		.upload_bytes_max = (uint64_t)settings->upload_size_max,
		.fetcher = {.fetch = fetch, .context = atolld},
		.oauth_clients = settings->oauth_clients,
		.login_lifetime_ms = settings->login_lifetime,
		.login_failures_max = (int)settings->login_failures_max,
	};
}

static bool start_data(struct atolld *atolld, const char *domain, struct error *err)
{
	const struct fleet_options fleet = fleet_options_of(atolld);
	if (!fleet_open(&fleet, &atolld->fleet, err))
		return false;
	const struct platform_options platform = platform_options_of(atolld, domain);
	return platform_open(&platform, &atolld->platform, err);
}

static bool start_doors(struct atolld *atolld, struct error *err)
{
	const struct settings *settings = &atolld->settings;
	struct hrana_options hrana = {
		.fleet = atolld->fleet,
		.access = platform_access(atolld->platform),
		.workers = atolld->workers,
		.domain = settings->domain,
		.limits = {.request_bytes_max = (size_t)settings->request_body_max,
			   .result_bytes_max = (size_t)settings->result_bytes_max,
			   .stream_count_max = (int)settings->streams_max,
			   .socket_stream_count_max = (int)settings->socket_streams_max,
			   .listener_count_max = (int)settings->listeners_max,
			   .stream_idle_ms = settings->stream_idle_timeout},
	};
	if (!read_baton_key(settings, hrana.baton_key, err) || !hrana_open(&hrana, &atolld->hrana, err))
		return false;
	const struct sync_options sync = {
		.fleet = atolld->fleet,
		.access = platform_access(atolld->platform),
		.workers = atolld->workers,
		.domain = settings->domain,
		.request_bytes_max = (size_t)settings->request_body_max,
		.result_bytes_max = (size_t)settings->result_bytes_max,
		.connection_count_max = (int)settings->replica_connections_max,
		.connection_idle_ms = settings->replica_idle_timeout,
		.long_poll_ms_max = settings->long_poll_max,
		.generation_frames = (int)settings->generation_frames,
		.push_bytes_max = (size_t)settings->offline_push_max,
		.reply_ms_max = settings->sync_reply_timeout,
	};
	if (!sync_open(&sync, &atolld->sync, err))
		return false;
	OWNED(buffer) struct buffer url = {0};
	write_url(settings, &atolld->listener, &url);
	const struct api_options api = {
		.platform = atolld->platform,
		.workers = atolld->workers,
		.listener_count_max = (int)settings->listeners_max,
		.cors_origin = settings->cors_origin,
		.url = buffer_text(&url),
		.domain = settings->domain,
		.upload_bytes_max = (uint64_t)settings->upload_size_max,
	};
	return api_open(&api, &atolld->api, err);
}

static bool bootstrap(struct atolld *atolld, struct error *err)
{
	const struct settings *settings = &atolld->settings;
	OWNED(buffer) struct buffer url = {0};
	OWNED(buffer) struct buffer path = {0};
	write_url(settings, &atolld->listener, &url);
	const struct platform_bootstrap first = {
		.organization = settings->organization,
		.username = settings->username[0] ? settings->username : username_fallback,
		.url = buffer_text(&url),
		.file = path_in_data(&path, settings, "bootstrap.json"),
	};
	bool created;
	return platform_bootstrap(atolld->platform, &first, &created, err);
}

// What fits into the first packets that a server may send takes as long to arrive when it is smaller.
static size_t compress_bytes_min(const struct settings *settings)
{
	enum { AUTO_BYTES_MIN = 16 * 1024, ALWAYS_BYTES_MIN = 1024 };
	if (strcmp(settings->compression, "never") == 0)
		return 0;
	return strcmp(settings->compression, "always") == 0 ? ALWAYS_BYTES_MIN : AUTO_BYTES_MIN;
}

// -- monitoring ---------------------------------------------------------------------------------------

static void write_platform(void *context, struct buffer *out)
{
	struct atolld *atolld = context;
	platform_write_metrics(atolld->platform, (size_t)atolld->settings.metrics_databases, out);
}

static void write_hrana(void *context, struct buffer *out)
{
	struct atolld *atolld = context;
	hrana_write_metrics(atolld->hrana, out);
}

static void write_server(void *context, struct buffer *out)
{
	struct atolld *atolld = context;
	struct net_server *server = atomic_load(&atolld->serving);
	if (server)
		net_server_write_metrics(server, out);
}

static bool may_watch(void *context, const char *authorization, struct error *err)
{
	struct atolld *atolld = context;
	return platform_may_watch(atolld->platform, authorization, err);
}

static bool store_is_ready(void *context, struct error *err)
{
	struct atolld *atolld = context;
	if (platform_is_ready(atolld->platform, err))
		return true;
	return error_set(err, err->code, "the platform's store does not answer");
}

static bool disk_is_sound(void *context, struct error *err)
{
	struct atolld *atolld = context;
	return !fleet_has_failed(atolld->fleet) ||
	       error_set(err, ERR_IO,
			 "the disk refused to make writes durable: look at the log, restart the server");
}

static bool goes_on(void *context, struct error *err)
{
	struct atolld *atolld = context;
	struct net_server *server = atomic_load(&atolld->serving);
	if (!server)
		return error_set(err, ERR_UNAVAILABLE, "server is starting");
	return !net_server_is_draining(server) || error_set(err, ERR_SHUTDOWN, "server is shutting down");
}

static void write_backups(void *context, struct buffer *out)
{
	struct atolld *atolld = context;
	platform_write_backup_metrics(atolld->platform, (size_t)atolld->settings.metrics_databases, out);
}

static bool backups_are_sound(void *context, struct error *err)
{
	struct atolld *atolld = context;
	return platform_backups_are_sound(atolld->platform, err);
}

static bool start_watch(struct atolld *atolld, struct error *err)
{
	const struct settings *settings = &atolld->settings;
	const struct watch_part parts[] = {{write_server, atolld},
					   {write_hrana, atolld},
					   {write_platform, atolld},
					   {write_backups, atolld}};
	const struct watch_check checks[] = {
		{"platform_store", store_is_ready, atolld, false},
		{"durability", disk_is_sound, atolld, false},
		{"serving", goes_on, atolld, false},
		{"backups", backups_are_sound, atolld, true},
	};
	const struct watch_options options = {
		.data_folder = settings->data,
		.disk_free_min = (uint64_t)settings->disk_free_min,
		.token_file = or_null(settings->metrics_token),
		.workers = atolld->workers,
		.parts = parts,
		.part_count = ARRAY_LENGTH(parts),
		.checks = checks,
		.check_count = ARRAY_LENGTH(checks),
		.may_watch = may_watch,
		.context = atolld,
	};
	return watch_open(&options, &atolld->watch, err);
}

// In the clear, as what scrapes it is near.
static bool start_metrics_server(struct atolld *atolld, struct error *err)
{
	const char *listen = or_null(atolld->settings.metrics_listen);
	const struct net_site site = watch_open_site(atolld->watch);
	const struct net_options options = {
		.listen = listen,
		.thread_count = 1,
		.workers = atolld->workers,
		.sites = &site,
		.site_count = 1,
		.connections_max = METRICS_CONNECTIONS_MAX,
		.head_bytes_max = HEAD_BYTES_MAX,
		.idle_timeout_s = IDLE_TIMEOUT_S,
	};
	if (!listen)
		return true;
	if (net_server_start(&options, &atolld->metrics_server, err))
		return true;
	return error_context(err, "metrics-listen");
}

// -- serve the doors ----------------------------------------------------------------------------------

static struct backup_options backup_options_of(const struct settings *settings)
{
	return (struct backup_options){
		.target = or_null(settings->backup_target),
		.interval_ms = settings->backup_interval,
		.verify_interval_ms = settings->backup_verify_interval,
		.keep_count = settings->backup_keep,
		.keep_ms = settings->backup_keep_age,
	};
}

// Not for the commands that end soon.
static bool start_backups(struct atolld *atolld, struct error *err)
{
	const struct backup_options options = backup_options_of(&atolld->settings);
	return platform_start_backups(atolld->platform, &options, err);
}

// The first site that claims a request gets it.
static bool start_server(struct atolld *atolld, struct error *err)
{
	const struct settings *settings = &atolld->settings;
	const struct net_site sites[] = {upload_site(atolld->api),
					 sync_site(atolld->sync),
					 hrana_site(atolld->hrana),
					 watch_site(atolld->watch),

					 web_site(),
					 api_site(atolld->api)};
	const struct net_options options = {
		.listener = &atolld->listener,
		.tls_cert = or_null(settings->tls_cert),
		.tls_key = or_null(settings->tls_key),
		.thread_count = (int)settings->http_threads,
		.workers = atolld->workers,
		.sites = sites,
		.site_count = ARRAY_LENGTH(sites),
		.connections_max = (size_t)sockets_max(settings, files_of_process()),
		.sockets_max = (size_t)settings->sockets_max,
		.socket_message_bytes_max = (size_t)settings->socket_message_max,
		.socket_queue_bytes_max = (size_t)settings->socket_queue_max,
		.head_bytes_max = HEAD_BYTES_MAX,
		.compress_bytes_min = compress_bytes_min(settings),
		.streams_max = (size_t)settings->uploads_max,
		.idle_timeout_s = IDLE_TIMEOUT_S,
	};
	if (!net_server_start(&options, &atolld->server, err))
		return false;
	atomic_store(&atolld->serving, atolld->server);
	return true;
}

static bool take_listener(struct atolld *atolld, struct error *err)
{
	if (atolld->service.inherited < 0)
		return net_listen(atolld->settings.listen, &atolld->listener, err);
	if (!net_listen_inherited(atolld->service.inherited, &atolld->listener, err))
		return false;
	atolld->service.inherited = -1;
	return true;
}

static bool start(struct atolld *atolld, struct error *err)
{
	const struct settings *settings = &atolld->settings;
	if (!disk_make_folder(settings->data, err))
		return error_context(err, "%s", settings->data);
	// The socket first: what a database is called holds the port, and that may be any (listen …:0).
	if (!take_data_folder(atolld, err) || !take_listener(atolld, err))
		return false;
	OWNED(buffer) struct buffer domain = {0};
	write_domain(settings, atolld->listener.port, &domain);
	return workers_start((int)settings->workers_max, WORKERS_RESERVE, &atolld->workers, err) &&
	       start_data(atolld, buffer_text(&domain), err) && bootstrap(atolld, err) &&
	       start_doors(atolld, err) && start_backups(atolld, err) && start_watch(atolld, err) &&
	       start_server(atolld, err) && start_metrics_server(atolld, err);
}

// -- stop ---------------------------------------------------------------------------------------------

static void stop(struct atolld *atolld)
{
	net_server_stop(atolld->metrics_server);
	net_server_stop(atolld->server);
	watch_close(atolld->watch);
	sync_close(atolld->sync);
	hrana_close(atolld->hrana);
	api_close(atolld->api);
	platform_finish(atolld->platform);
	// The fleet's last events still go to the platform.
	if (atolld->fleet)
		fleet_close(atolld->fleet);
	platform_close(atolld->platform);
	workers_stop(atolld->workers);
	net_listener_cleanup(&atolld->listener);
	fd_cleanup(&atolld->lock_fd);
	service_cleanup(&atolld->service);
	settings_cleanup(&atolld->settings);
}

static void drain(struct atolld *atolld)
{
	api_drain(atolld->api);
	hrana_drain(atolld->hrana);
	sync_drain(atolld->sync);
	net_server_drain(atolld->server, clock_monotonic_ms() + atolld->settings.drain_timeout);
	// What runs on is stopped, and gets the time to say so.
	hrana_interrupt(atolld->hrana);
	sync_interrupt(atolld->sync);
	atomic_store(&atolld->stopping, true);
	net_server_drain(atolld->server, clock_monotonic_ms() + LAST_WORD_MS);
}

// -- serve --------------------------------------------------------------------------------------------

static int report(const struct error *err)
{
	fprintf(stderr, "atolld: %s\n", err->message);
	if (err->detail[0] != '\0')
		fprintf(stderr, "atolld: %s\n", err->detail);
	return err->code == ERR_USAGE ? EXIT_USAGE : EXIT_FAULT;
}

// Only what can change under a running server is taken from the settings read again.
static void reload(struct atolld *atolld, int argc, char **argv)
{
	struct error err;
	struct settings fresh;
	if (!settings_read(argc, argv, environ, &fresh, &err)) {
		trace_error("server.reload_failed", "reason", err.message, "detail", err.detail);
		return;
	}
	configure_trace(&fresh);
	settings_cleanup(&fresh);
	if (!net_server_reload_tls(atolld->server, &err))
		trace_error("server.reload_failed", "reason", err.message, "detail", err.detail);
	else
		trace_info("server.reloaded", "pid", TRACE_INT(getpid()));
}

static void tell_reload(struct atolld *atolld, int argc, char **argv)
{
	service_tell(&atolld->service, "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=Reading the settings again",
		     (long long)(clock_monotonic_ns() / 1000));
	reload(atolld, argc, argv);
	service_tell(&atolld->service, "READY=1\nSTATUS=Serving %s", net_server_address(atolld->server));
}

// The watchdog hears that this loop goes round and that no network thread hangs; from a server that hangs, nothing.
static void tell_watchdog(struct atolld *atolld)
{
	if (net_server_is_alive(atolld->server))
		service_tell(&atolld->service, "WATCHDOG=1");
	else
		trace_error("server.hangs", "pid", TRACE_INT(getpid()));
}

// The next signal, or 0 when it is time for the watchdog.
static int next_signal(const struct atolld *atolld, const sigset_t *set)
{
	int64_t pause_ms = atolld->service.watchdog_ms / WATCHDOG_SHARE;
	struct timespec pause = {.tv_sec = pause_ms / 1000, .tv_nsec = pause_ms % 1000 * 1000000};
	int number = sigtimedwait(set, NULL, atolld->service.watchdog_ms > 0 ? &pause : NULL);
	return number > 0 ? number : 0;
}

// The service manager shall neither lose its patience with a drain nor take it for a hang.
static void tell_stop(const struct atolld *atolld)
{
	long long patience_us = (atolld->settings.drain_timeout + LAST_WORD_MS + CLOSING_MS) * 1000;
	service_tell(&atolld->service,
		     "STOPPING=1\nSTATUS=Finishing what is under way\nEXTEND_TIMEOUT_USEC=%lld", patience_us);
	if (atolld->service.watchdog_ms > 0)
		service_tell(&atolld->service, "WATCHDOG_USEC=%lld\nWATCHDOG=1", patience_us);
}

static void wait_for_the_end(struct atolld *atolld, int argc, char **argv)
{
	sigset_t set = handled_signals();
	int signal_number;
	do {
		signal_number = next_signal(atolld, &set);
		if (signal_number == SIGHUP)
			tell_reload(atolld, argc, argv);
		else if (signal_number == 0 && atolld->service.watchdog_ms > 0)
			tell_watchdog(atolld);
	} while (signal_number != SIGTERM && signal_number != SIGINT);
	trace_info("server.stopping", "signal", signal_number == SIGTERM ? "SIGTERM" : "SIGINT");
	tell_stop(atolld);
	// Whoever cannot wait for the drain sends another: it has its default effect again.
	sigdelset(&set, SIGHUP);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void announce(const struct atolld *atolld)
{
	const char *address = net_server_address(atolld->server);
	printf("ready %s://%s\n", is_tls(&atolld->settings) ? "https" : "http", address);
	fflush(stdout);
	service_tell(&atolld->service, "READY=1\nSTATUS=Serving %s", address);
	if (atolld->metrics_server)
		trace_info("server.metrics", "address", net_server_address(atolld->metrics_server));
	trace_info("server.ready", "address", address, "data", atolld->settings.data, "version",
		   ATOLL_VERSION);
}

static int serve(struct atolld *atolld, int argc, char **argv)
{
	struct error err;
	bool opened = service_open(&atolld->service, &err);
	trace_mark_priorities(atolld->service.has_journal);
	if (!opened || !start(atolld, &err)) {
		settings_explain(&atolld->settings, &err);
		stop(atolld);
		return report(&err);
	}
	announce(atolld);
	wait_for_the_end(atolld, argc, argv);
	drain(atolld);
	stop(atolld);
	trace_info("server.stopped", "pid", TRACE_INT(getpid()));
	return EXIT_SUCCESS;
}

// -- commands for the operator, while no server runs --------------------------------------------------

static bool open_platform(struct atolld *atolld, struct error *err)
{
	const struct settings *settings = &atolld->settings;
	if (!disk_exists(settings->data))
		return error_set(err, ERR_NOT_FOUND, "there is no data folder %s", settings->data);
	return take_data_folder(atolld, err) &&
	       workers_start((int)settings->workers_max, WORKERS_RESERVE, &atolld->workers, err) &&
	       start_data(atolld, settings->domain, err);
}

static int mint_token(struct atolld *atolld)
{
	struct error err;
	OWNED(arena) struct arena arena = {0};
	const char *secret;
	bool minted = open_platform(atolld, &err) &&
		      platform_mint_operator_token(atolld->platform, or_null(atolld->settings.username),
						   &arena, &secret, &err);
	stop(atolld);
	if (!minted)
		return report(&err);
	printf("%s\n", secret);
	return EXIT_SUCCESS;
}

// One line of standard input, without its end. Whoever types it sees no letters.
static bool read_password(char *password, size_t size, struct error *err)
{
	struct termios shown;
	bool hides = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &shown) == 0;
	if (hides) {
		struct termios hidden = shown;
		hidden.c_lflag &= ~(tcflag_t)ECHO;
		fputs("New password: ", stderr);
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	}
	char *line = fgets(password, (int)size, stdin);
	if (hides) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
		fputc('\n', stderr);
	}
	if (!line)
		return error_set(err, ERR_USAGE, "give the password on standard input");
	password[strcspn(password, "\r\n")] = '\0';
	return true;
}

static int set_password(struct atolld *atolld)
{
	struct error err;
	OWNED(arena) struct arena arena = {0};
	char password[PASSWORD_LINE_BYTES];
	const char *username;
	bool set = read_password(password, sizeof(password), &err) && open_platform(atolld, &err) &&
		   platform_set_operator_password(atolld->platform, or_null(atolld->settings.username),
						  password, &arena, &username, &err);
	explicit_bzero(password, sizeof(password));
	stop(atolld);
	if (!set)
		return report(&err);
	printf("the password of %s is set\n", username);
	return EXIT_SUCCESS;
}

// -- main ---------------------------------------------------------------------------------------------

static int print_help(void)
{
	OWNED(buffer) struct buffer text = {0};
	buffer_append_text(
		&text,
		"atolld serves logical SQLite databases.\n\n"
		"  atolld [FLAG...]                             serve\n"
		"  atolld token mint --data DIR [--username NAME]\n"
		"                                               print a new platform token; no server "
		"may run\n"
		"  atolld user password --data DIR [--username NAME]\n"
		"                                               set a user's password, read from "
		"standard input;\n"
		"                                               no server may run\n"
		"  atolld --check-config [FLAG...]              say what is wrong with the settings, exit 0 "
		"or 1\n"
		"  atolld --print-config [FLAG...]              print each setting and where its value "
		"comes from\n"
		"  atolld --help | --version\n\n"
		"Each flag is also a key of the configuration file (NAME = VALUE) and an environment\n"
		"variable (ATOLLD_NAME). Flags win over the environment, that over the file.\n\n");
	settings_help(&text);
	fwrite(text.data, 1, text.size, stdout);
	return EXIT_SUCCESS;
}

static int print_config(struct atolld *atolld)
{
	OWNED(buffer) struct buffer text = {0};
	settings_print(&atolld->settings, &text);
	fwrite(text.data, 1, text.size, stdout);
	settings_cleanup(&atolld->settings);
	return EXIT_SUCCESS;
}

static bool check_settings(struct atolld *atolld, struct error *err)
{
	const struct settings *settings = &atolld->settings;
	const struct fleet_options fleet = fleet_options_of(atolld);
	const struct platform_options platform = platform_options_of(atolld, settings->domain);
	const struct backup_options backups = backup_options_of(settings);
	return (net_check(settings->listen, or_null(settings->tls_cert), or_null(settings->tls_key), err) &&
		fleet_check(&fleet, err) && platform_check(&platform, err) &&
		platform_check_backups(&backups, err)) ||
	       settings_explain(settings, err);
}

static int check_config(struct atolld *atolld)
{
	struct error err;
	bool good = check_settings(atolld, &err);
	settings_cleanup(&atolld->settings);
	if (good)
		puts("the settings are good");
	else
		report(&err);
	return good ? EXIT_SUCCESS : EXIT_FAULT;
}

static bool is_command(const struct settings *settings, const char *noun, const char *verb)
{
	return settings->word_count == 2 && strcmp(settings->words[0], noun) == 0 &&
	       strcmp(settings->words[1], verb) == 0;
}

int main(int argc, char **argv)
{
	struct atolld atolld = {
		.lock_fd = -1, .listener = {.fd = -1}, .service = {.notify_fd = -1, .inherited = -1}};
	struct error err;
	if (!settings_read(argc, argv, environ, &atolld.settings, &err)) {
		int status = report(&err);
		return atolld.settings.wants_check ? EXIT_FAULT : status;
	}
	if (atolld.settings.wants_help)
		return print_help();
	if (atolld.settings.wants_version) {
		printf("atolld %s\n", ATOLL_VERSION);
		return EXIT_SUCCESS;
	}
	if (atolld.settings.wants_print)
		return print_config(&atolld);
	configure_trace(&atolld.settings);
	prepare_process();
	if (!crypt_start(&err))
		return report(&err);
	if (atolld.settings.wants_check)
		return check_config(&atolld);
	if (is_command(&atolld.settings, "token", "mint"))
		return mint_token(&atolld);
	if (is_command(&atolld.settings, "user", "password"))
		return set_password(&atolld);
	if (atolld.settings.word_count > 0) {
		fprintf(stderr, "atolld: unknown command \"%s\"; --help tells what there is\n",
			atolld.settings.words[0]);
		settings_cleanup(&atolld.settings);
		return EXIT_USAGE;
	}
	return serve(&atolld, argc, argv);
}
