#include "cli/http.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/disk.h"
#include "cli/address.h"
#include "cli/interrupts.h"

enum { TICK_MS = 100, CONNECT_TIMEOUT_MS = 10000, UPLOAD_BUFFER_BYTES = 256 * 1024 };
static const size_t answer_bytes_max = 512UL << 20;

struct http {
	CURL *easy;
	CURLM *multi;
	char *proxy;
	void (*tick)(void *context);
	void *tick_context;
	struct interrupts interrupts;
	char failure[CURL_ERROR_SIZE];
};

bool http_create(struct http **out, struct error *err)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return error_set(err, ERR_INTERNAL, "libcurl cannot be started");
	struct http *http = calloc(1, sizeof(*http));
	ASSERT(http != NULL);
	http->interrupts.fd = -1;
	http->easy = curl_easy_init();
	http->multi = curl_multi_init();
	if (!http->easy || !http->multi) {
		http_destroy(http);
		return error_set(err, ERR_INTERNAL, "libcurl cannot be started");
	}
	*out = http;
	return true;
}

void http_destroy(struct http *http)
{
	if (!http)
		return;
	curl_easy_cleanup(http->easy);
	curl_multi_cleanup(http->multi);
	fd_cleanup(&http->interrupts.fd);
	free(http->proxy);
	free(http);
	curl_global_cleanup();
}

void http_cleanup(struct http **http)
{
	http_destroy(*http);
	*http = NULL;
}

void http_use_proxy(struct http *http, const char *proxy)
{
	free(http->proxy);
	http->proxy = strdup(proxy);
	ASSERT(http->proxy != NULL);
}

void http_on_tick(struct http *http, void (*tick)(void *context), void *context)
{
	http->tick = tick;
	http->tick_context = context;
}

void http_catch_interrupts(struct http *http)
{
	interrupts_catch(&http->interrupts, false);
}

void http_catch_endings(struct http *http)
{
	interrupts_catch(&http->interrupts, true);
}

void http_ignore_interrupts(struct http *http, bool ignore)
{
	http->interrupts.ignored = ignore;
}

void http_forget_interrupts(struct http *http)
{
	interrupts_take(&http->interrupts);
}

bool http_pause(struct http *http, int64_t pause_ms, struct error *err)
{
	int64_t deadline_ms = clock_monotonic_ms() + pause_ms;
	for (;;) {
		int64_t left_ms = deadline_ms - clock_monotonic_ms();
		if (left_ms <= 0)
			return true;
		struct pollfd keyboard = {.fd = http->interrupts.fd, .events = POLLIN};
		poll(&keyboard, 1, left_ms < TICK_MS ? (int)left_ms : TICK_MS);
		if (interrupts_take(&http->interrupts))
			return error_set(err, ERR_SHUTDOWN, "interrupted");
		if (http->tick)
			http->tick(http->tick_context);
	}
}

// What one exchange moves, and how its files failed.
struct transfer {
	struct http *http;
	struct buffer body;
	struct http_upload *upload;
	struct http_download *download;
	curl_mime *form;
	int file_errno; // of the upload or the download; 0 = none
	bool file_shrank;
};

static bool write_all(int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t written = write(fd, bytes, size);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return false;
		bytes += written;
		size -= (size_t)written;
	}
	return true;
}

static size_t on_body(char *bytes, size_t one, size_t size, void *context)
{
	(void)one;
	struct transfer *transfer = context;
	long status = 0;
	curl_easy_getinfo(transfer->http->easy, CURLINFO_RESPONSE_CODE, &status);
	if (!transfer->download || status != 200) {
		buffer_append(&transfer->body, bytes, size);
		return transfer->body.overflowed ? 0 : size;
	}
	curl_off_t total = -1;
	curl_easy_getinfo(transfer->http->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &total);
	transfer->download->total = total;
	if (!write_all(transfer->download->fd, bytes, size)) {
		transfer->file_errno = errno;
		return 0;
	}
	transfer->download->received += size;
	return size;
}

static size_t on_upload(char *bytes, size_t one, size_t size, void *context)
{
	struct transfer *transfer = context;
	struct http_upload *upload = transfer->upload;
	uint64_t left = upload->size - upload->sent;
	size_t wanted = size * one < left ? size * one : (size_t)left;
	if (wanted == 0)
		return 0;
	ssize_t got;
	do
		got = pread(upload->fd, bytes, wanted, (off_t)(upload->offset + upload->sent));
	while (got < 0 && errno == EINTR);
	if (got <= 0) {
		transfer->file_errno = got < 0 ? errno : 0;
		transfer->file_shrank = got == 0;
		return CURL_READFUNC_ABORT;
	}
	upload->sent += (uint64_t)got;
	return (size_t)got;
}

// curl goes back when it has to send on another connection.
static int on_upload_seek(void *context, curl_off_t offset, int origin)
{
	struct transfer *transfer = context;
	if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > transfer->upload->size)
		return CURL_SEEKFUNC_CANTSEEK;
	transfer->upload->sent = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

static struct curl_slist *add_header(struct curl_slist *list, const char *name, const char *value)
{
	if (!value)
		return list;
	OWNED(buffer) struct buffer line = {0};
	buffer_printf(&line, "%s%s", name, value);
	return curl_slist_append(list, buffer_text(&line));
}

static struct curl_slist *headers_of(const struct http_request *request)
{
	// An empty value takes a header of curl's own away.
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");
	if (request->upload && !request->upload->form_name)
		list = curl_slist_append(list, "Content-Type: application/octet-stream");
	if (request->body)
		list = curl_slist_append(list, "Content-Type: application/json");
	list = add_header(list, "Authorization: Bearer ", request->bearer);
	list = add_header(list, "Idempotency-Key: ", request->key);
	ASSERT(list != NULL);
	return list;
}

static void set_upload(CURL *easy, struct transfer *transfer)
{
	struct http_upload *upload = transfer->upload;
	upload->sent = 0;
	if (upload->form_name) {
		transfer->form = curl_mime_init(easy);
		curl_mimepart *part = curl_mime_addpart(transfer->form);
		curl_mime_name(part, "file");
		curl_mime_filename(part, upload->form_name);
		curl_mime_type(part, "application/octet-stream");
		curl_mime_data_cb(part, (curl_off_t)upload->size, on_upload, on_upload_seek, NULL, transfer);
		curl_easy_setopt(easy, CURLOPT_MIMEPOST, transfer->form);
		return;
	}
	curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)upload->size);
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_upload);
	curl_easy_setopt(easy, CURLOPT_READDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_upload_seek);
	curl_easy_setopt(easy, CURLOPT_SEEKDATA, transfer);
}

static void set_body(CURL *easy, const struct http_request *request, struct transfer *transfer)
{
	if (transfer->upload) {
		set_upload(easy, transfer);
	} else if (request->body || strcmp(request->method, "POST") == 0) {
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body ? request->body : "");
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_size);
	}
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static void set_proxy(struct http *http, const char *url)
{
	if (http->proxy) {
		curl_easy_setopt(http->easy, CURLOPT_PROXY, http->proxy);
		return;
	}
	// A proxy from the environment never knows the way to this machine.
	OWNED(arena) struct arena arena = {0};
	if (address_is_loopback(address_host(&arena, url)))
		curl_easy_setopt(http->easy, CURLOPT_NOPROXY, "*");
}

static void set_up(struct http *http, const struct http_request *request, struct curl_slist *headers,
		   struct transfer *transfer)
{
	CURL *easy = http->easy;
	curl_easy_reset(easy); // keeps connections: they belong to the multi handle
	curl_easy_setopt(easy, CURLOPT_URL, request->url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "atoll/" ATOLL_VERSION);
	// What goes to a file is counted against the length that was announced.
	if (!request->download)
		curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
	if (request->stall_ms > 0) {
		curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
		curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)(request->stall_ms / 1000));
	}
	curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER_BYTES);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, http->failure);
	const char *authorities = getenv("SSL_CERT_FILE");
	if (authorities && *authorities)
		curl_easy_setopt(easy, CURLOPT_CAINFO, authorities);
	if (request->user && !request->bearer) {
		curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		curl_easy_setopt(easy, CURLOPT_USERNAME, request->user);
		curl_easy_setopt(easy, CURLOPT_PASSWORD, request->password ? request->password : "");
	}
	set_body(easy, request, transfer);
	set_proxy(http, request->url);
}

enum outcome { OUTCOME_DONE, OUTCOME_INTERRUPTED };

// Runs the transfer to its end. *out_code is curl's word on it.
static enum outcome run_transfer(struct http *http, CURLcode *out_code)
{
	for (;;) {
		int running = 0;
		if (curl_multi_perform(http->multi, &running) != CURLM_OK) {
			*out_code = CURLE_FAILED_INIT;
			return OUTCOME_DONE;
		}
		int left;
		CURLMsg *message = curl_multi_info_read(http->multi, &left);
		if (message && message->msg == CURLMSG_DONE) {
			*out_code = message->data.result;
			return OUTCOME_DONE;
		}
		struct curl_waitfd keyboard = {.fd = http->interrupts.fd, .events = CURL_WAIT_POLLIN};
		unsigned extra = http->interrupts.fd >= 0 ? 1 : 0;
		curl_multi_poll(http->multi, &keyboard, extra, TICK_MS, NULL);
		if (interrupts_take(&http->interrupts))
			return OUTCOME_INTERRUPTED;
		if (http->tick)
			http->tick(http->tick_context);
	}
}

static bool fail(struct http *http, CURLcode code, const struct transfer *transfer,
		 const struct http_request *request, struct error *err)
{
	if (transfer->file_shrank)
		return error_set(err, ERR_IO, "the file became shorter while it was read");
	if (transfer->file_errno)
		return error_set(err, transfer->file_errno == ENOSPC ? ERR_FULL : ERR_IO,
				 "the file cannot be %s: %s", transfer->download ? "written" : "read",
				 strerror(transfer->file_errno));
	if (transfer->body.overflowed)
		return error_set(err, ERR_LIMIT, "the answer is larger than %zu bytes", answer_bytes_max);
	if (code == CURLE_OPERATION_TIMEDOUT && request->timeout_ms > 0)
		return error_set(err, ERR_TIMEOUT, "no answer within %lld ms",
				 (long long)request->timeout_ms);
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		return error_set(err, ERR_UNAVAILABLE, "%s; SSL_CERT_FILE may name a certificate to trust",
				 http->failure[0] ? http->failure : curl_easy_strerror(code));
	const char *why = http->failure[0] ? http->failure : curl_easy_strerror(code);
	return error_set(err, ERR_UNAVAILABLE, "%s", why);
}

bool http_send(struct http *http, const struct http_request *request, struct http_answer *out,
	       struct error *err)
{
	struct transfer transfer = {
		.http = http,
		.body = {.limit_bytes = answer_bytes_max},
		.upload = request->upload,
		.download = request->download,
	};
	struct curl_slist *headers = headers_of(request);
	http->failure[0] = '\0';
	set_up(http, request, headers, &transfer);
	curl_multi_add_handle(http->multi, http->easy);
	CURLcode code = CURLE_OK;
	enum outcome outcome = run_transfer(http, &code);
	long status = 0;
	const char *type = NULL;
	curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(http->easy, CURLINFO_CONTENT_TYPE, &type);
	bool ok = outcome == OUTCOME_DONE && code == CURLE_OK;
	if (ok) {
		*out = (struct http_answer){.status = (int)status, .body = transfer.body};
		snprintf(out->content_type, sizeof(out->content_type), "%s", type ? type : "");
	} else if (outcome == OUTCOME_INTERRUPTED) {
		error_set(err, ERR_SHUTDOWN, "interrupted");
	} else {
		fail(http, code, &transfer, request, err);
	}
	curl_multi_remove_handle(http->multi, http->easy);
	curl_slist_free_all(headers);
	curl_easy_reset(http->easy); // nothing of this transfer may be looked at any more
	curl_mime_free(transfer.form);
	if (!ok)
		buffer_cleanup(&transfer.body);
	return ok;
}

void http_answer_cleanup(struct http_answer *answer)
{
	buffer_cleanup(&answer->body);
}
