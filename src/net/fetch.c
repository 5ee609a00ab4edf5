#include "net/fetch.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "base/disk.h"
#include "net/address.h"

enum { REDIRECTS_MAX = 5, CONNECT_MS = 15000, SILENT_S = 60 };

struct fetch {
	const struct net_fetch_limits *limits;
	int fd;
	uint64_t size;
	bool refused; // the address
	bool too_large;
	bool cancelled;
	bool failed; // the file, in err
	struct error err;
};

static size_t on_bytes(char *bytes, size_t one, size_t size, void *context)
{
	struct fetch *fetch = context;
	(void)one;
	fetch->too_large = size > fetch->limits->bytes_max - fetch->size;
	if (fetch->too_large)
		return CURL_WRITEFUNC_ERROR;
	fetch->failed = !disk_write_at(fetch->fd, bytes, size, fetch->size, &fetch->err);
	if (fetch->failed)
		return CURL_WRITEFUNC_ERROR;
	fetch->size += size;
	return size;
}

static int on_progress(void *context, curl_off_t to_get, curl_off_t got, curl_off_t to_put, curl_off_t put)
{
	struct fetch *fetch = context;
	(void)to_get, (void)got, (void)to_put, (void)put;
	const struct net_fetch_limits *limits = fetch->limits;
	fetch->cancelled = limits->is_cancelled && limits->is_cancelled(limits->context);
	return fetch->cancelled;
}

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct fetch *fetch = context;
	(void)purpose;
	if (!fetch->limits->private_addresses && !address_is_public(&address->addr)) {
		fetch->refused = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static bool explain(const struct fetch *fetch, CURLcode code, long status, struct error *err)
{
	if (fetch->failed) {
		*err = fetch->err;
		return false;
	}
	if (fetch->cancelled)
		return error_set(err, ERR_SHUTDOWN, "server is shutting down");
	if (fetch->too_large || code == CURLE_FILESIZE_EXCEEDED)
		return error_set(err, ERR_BAD_REQUEST,
				 "what the URL gives is larger than %llu bytes (limit upload-size-max)",
				 (unsigned long long)fetch->limits->bytes_max);
	if (fetch->refused)
		return error_set(err, ERR_BAD_REQUEST,
				 "the URL leads to an address that is not public, which the setting "
				 "fetch-private-addresses does not allow");
	if (code == CURLE_OPERATION_TIMEDOUT)
		return error_set(err, ERR_BAD_REQUEST,
				 "the URL could not be fetched in time (limit fetch-timeout)");
	if (code == CURLE_UNSUPPORTED_PROTOCOL)
		return error_set(err, ERR_BAD_REQUEST, "the URL must begin with http:// or https://");
	if (code == CURLE_OK || code == CURLE_HTTP_RETURNED_ERROR)
		return error_set(err, ERR_BAD_REQUEST, "the URL could not be fetched: status %ld", status);
	return error_set(err, ERR_BAD_REQUEST, "the URL could not be fetched: %s", curl_easy_strerror(code));
}

static void prepare(CURL *curl, const char *url, struct fetch *fetch)
{
	const struct net_fetch_limits *limits = fetch->limits;
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
	// A proxy of the environment would connect where we do not look.
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "atolld/" ATOLL_VERSION);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)limits->timeout_ms);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)SILENT_S);
	curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)limits->bytes_max);
	curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, fetch);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, fetch);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, fetch);
}

bool net_fetch(const char *url, int fd, const struct net_fetch_limits *limits, uint64_t *out_size,
	       struct error *err)
{
	struct fetch fetch = {.limits = limits, .fd = fd};
	long status = 0;
	CURL *curl = curl_easy_init();
	if (!curl)
		return error_set(err, ERR_MEMORY, "out of memory");
	prepare(curl, url, &fetch);
	CURLcode code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(curl);
	if (code != CURLE_OK || status != 200)
		return explain(&fetch, code, status, err);
	*out_size = fetch.size;
	return true;
}
