/// query: query parameters with a type (spec/platform-api.md §1.1, §1.8). Absent and empty are the same: *out gets
/// `otherwise`.
#ifndef ATOLL_API_QUERY_H
#define ATOLL_API_QUERY_H

#include "api/request.h"

/// Decimal digits and nothing else, below 2^63.
bool api_number_of(const char *text, int64_t *out);

/// Fails: ERR_BAD_REQUEST "NAME must be a whole number from MIN to MAX"
MUST_USE bool api_query_number(const struct api_request *req, const char *name, int64_t min, int64_t max,
			       int64_t otherwise, int64_t *out, struct error *err);

/// RFC 3339, in milliseconds since 1970. Fails: ERR_BAD_REQUEST `invalid NAME parameter: parsing time "TEXT": …`
MUST_USE bool api_query_time(const struct api_request *req, const char *name, int64_t otherwise, int64_t *out,
			     struct error *err);

/// "true" and "1", or "false" and "0". Fails: ERR_BAD_REQUEST "NAME must be true or false"
MUST_USE bool api_query_bool(const struct api_request *req, const char *name, bool otherwise, bool *out,
			     struct error *err);

/// One of `choices` (NULL-terminated); *out is its index. Fails: ERR_BAD_REQUEST "invalid NAME parameter: TEXT"
MUST_USE bool api_query_choice(const struct api_request *req, const char *name, const char *const *choices,
			       int otherwise, int *out, struct error *err);

/// `page` (1 unless given) and `page_size` (100 unless given, at most PAGE_SIZE_MAX).
enum { PAGE_MAX = 1000000000, PAGE_SIZE = 100, PAGE_SIZE_MAX = 1000 };
struct api_page {
	int64_t page;
	int64_t page_size;
};
MUST_USE bool api_query_page(const struct api_request *req, struct api_page *out, struct error *err);

#endif
