#include "net/counts.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/exposition.h"

// A status that is not listed is counted as the last one, "other".
static const short statuses[] = {101, 200, 201, 202, 204, 206, 303, 304, 307, 400, 401, 402, 403, 404, 405,
				 406, 408, 409, 410, 411, 413, 415, 422, 429, 431, 500, 501, 503, 504, 507};

enum { STATUS_COUNT = ARRAY_LENGTH(statuses) + 1, STATUS_OTHER = STATUS_COUNT - 1, STATUS_MAX = 600 };

// Of one route, or of the requests to a site that matched none, on the cores of one stripe.
struct route_counts {
	_Atomic(uint64_t) answers[STATUS_COUNT];
};

struct site_counts {
	struct net_site site;
	struct route_counts *routes; // of each stripe: all routes of the site, then "none"
	struct tally_histogram latency;
	_Atomic(uint64_t) errors[ERROR_CODE_COUNT];
};

struct counts {
	unsigned char status_at[STATUS_MAX];
	size_t site_count;         // with the one that stands for none
	struct site_counts *sites; // each begins a line of the cache
	struct {
		_Alignas(64) _Atomic(uint64_t) received;
		_Atomic(uint64_t) sent;
	} bytes[TALLY_STRIPES];
};

static void *zeroed(size_t alignment, size_t size)
{
	size = (size + alignment - 1) / alignment * alignment;
	void *memory = aligned_alloc(alignment, size);
	ASSERT(memory != NULL);
	memset(memory, 0, size);
	return memory;
}

struct counts *counts_create(const struct net_site *sites, size_t count)
{
	struct counts *counts = zeroed(_Alignof(struct counts), sizeof(*counts));
	memset(counts->status_at, STATUS_OTHER, sizeof(counts->status_at));
	for (size_t i = 0; i < ARRAY_LENGTH(statuses); i++)
		counts->status_at[statuses[i]] = (unsigned char)i;
	counts->site_count = count + 1;
	counts->sites = zeroed(_Alignof(struct site_counts), counts->site_count * sizeof(*counts->sites));
	for (size_t i = 0; i < counts->site_count; i++) {
		struct site_counts *site = &counts->sites[i];
		site->site = i < count ? sites[i] : (struct net_site){.name = "none"};
		site->routes =
			calloc((site->site.route_count + 1) * TALLY_STRIPES, sizeof(struct route_counts));
		ASSERT(site->routes != NULL);
	}
	return counts;
}

void counts_free(struct counts *counts)
{
	if (!counts)
		return;
	for (size_t i = 0; i < counts->site_count; i++)
		free(counts->sites[i].routes);
	free(counts->sites);
	free(counts);
}

void counts_add(struct counts *counts, size_t site, const struct net_route *route, int status,
		uint64_t took_ns)
{
	struct site_counts *at = &counts->sites[site];
	size_t number = route ? (size_t)(route - at->site.routes) : at->site.route_count;
	size_t first = tally_stripe() * (at->site.route_count + 1);
	unsigned place = status >= 0 && status < STATUS_MAX ? counts->status_at[status] : STATUS_OTHER;
	tally_add(&at->routes[first + number].answers[place], 1);
	tally_observe(&at->latency, &tally_latency, took_ns);
}

void counts_add_error(struct counts *counts, size_t site, enum error_code code)
{
	tally_add(&counts->sites[site].errors[code], 1);
}

void counts_add_bytes(struct counts *counts, uint64_t received, uint64_t sent)
{
	unsigned stripe = tally_stripe();
	if (received > 0)
		tally_add(&counts->bytes[stripe].received, received);
	if (sent > 0)
		tally_add(&counts->bytes[stripe].sent, sent);
}

// -- writing ------------------------------------------------------------------------------------------

static uint64_t answers_of(const struct site_counts *site, size_t route, size_t status)
{
	uint64_t sum = 0;
	for (size_t stripe = 0; stripe < TALLY_STRIPES; stripe++) {
		size_t first = stripe * (site->site.route_count + 1);
		sum += tally_get(&site->routes[first + route].answers[status]);
	}
	return sum;
}

static void write_answers(const struct site_counts *site, size_t route, struct buffer *out)
{
	bool matched = route < site->site.route_count;
	const char *method = matched ? site->site.routes[route].method : "";
	const char *path = matched ? site->site.routes[route].path : "";
	for (size_t status = 0; status < STATUS_COUNT; status++) {
		uint64_t answers = answers_of(site, route, status);
		char code[8] = "other";
		if (answers == 0)
			continue;
		if (status != STATUS_OTHER)
			snprintf(code, sizeof(code), "%d", statuses[status]);
		exposition_count(
			out, "atoll_http_requests_total",
			LABELS("plane", site->site.name, "method", method, "route", path, "code", code),
			answers);
	}
}

static void write_errors(const struct site_counts *site, struct buffer *out)
{
	for (int code = 1; code < ERROR_CODE_COUNT; code++) {
		uint64_t count = tally_get(&site->errors[code]);
		if (count > 0)
			exposition_count(out, "atoll_errors_total",
					 LABELS("plane", site->site.name, "code",
						error_code_name((enum error_code)code)),
					 count);
	}
}

static void write_bytes(const struct counts *counts, struct buffer *out)
{
	uint64_t received = 0;
	uint64_t sent = 0;
	for (size_t stripe = 0; stripe < TALLY_STRIPES; stripe++) {
		received += tally_get(&counts->bytes[stripe].received);
		sent += tally_get(&counts->bytes[stripe].sent);
	}
	exposition_family(out, "atoll_http_request_bytes_total", "counter",
			  "Bytes of request bodies received.");
	exposition_count(out, "atoll_http_request_bytes_total", NO_LABELS, received);
	exposition_family(
		out, "atoll_http_response_bytes_total", "counter",
		"Bytes of reply bodies handed to the connections, without those that are streamed.");
	exposition_count(out, "atoll_http_response_bytes_total", NO_LABELS, sent);
}

void counts_write(const struct counts *counts, struct buffer *out)
{
	exposition_family(out, "atoll_http_requests_total", "counter",
			  "HTTP requests answered, by plane, route and status.");
	for (size_t i = 0; i < counts->site_count; i++) {
		for (size_t route = 0; route <= counts->sites[i].site.route_count; route++)
			write_answers(&counts->sites[i], route, out);
	}
	exposition_family(out, "atoll_http_request_duration_seconds", "histogram",
			  "Time from a request's head to the beginning of its reply.");
	for (size_t i = 0; i < counts->site_count; i++)
		exposition_histogram(out, "atoll_http_request_duration_seconds",
				     LABELS("plane", counts->sites[i].site.name), &counts->sites[i].latency,
				     &tally_latency);
	exposition_family(out, "atoll_errors_total", "counter",
			  "Requests that were refused or failed, by code.");
	for (size_t i = 0; i < counts->site_count; i++)
		write_errors(&counts->sites[i], out);
	write_bytes(counts, out);
}
