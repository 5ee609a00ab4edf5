#include "api/query.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"

bool api_number_of(const char *text, int64_t *out)
{
	int64_t value = 0;
	const char *at = text;
	for (; *at >= '0' && *at <= '9'; at++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, *at - '0', &value))
			return false;
	}
	if (at == text || *at != '\0')
		return false;
	*out = value;
	return true;
}

bool api_query_number(const struct api_request *req, const char *name, int64_t min, int64_t max,
		      int64_t otherwise, int64_t *out, struct error *err)
{
	const char *text = api_query(req, name);
	int64_t value = otherwise;
	if (text && (!api_number_of(text, &value) || value < min || value > max))
		return error_set(err, ERR_BAD_REQUEST,
				 "%s must be a whole number from %" PRId64 " to %" PRId64, name, min, max);
	*out = value;
	return true;
}

bool api_query_time(const struct api_request *req, const char *name, int64_t otherwise, int64_t *out,
		    struct error *err)
{
	const char *text = api_query(req, name);
	int64_t value = otherwise;
	if (text && !clock_parse(text, &value))
		return error_set(err, ERR_BAD_REQUEST,
				 "invalid %s parameter: parsing time \"%.80s\":"
				 " expected RFC 3339, like 2026-11-24T10:00:00Z",
				 name, text);
	*out = value;
	return true;
}

bool api_query_bool(const struct api_request *req, const char *name, bool otherwise, bool *out,
		    struct error *err)
{
	const char *text = api_query(req, name);
	if (!text)
		*out = otherwise;
	else if (strcmp(text, "true") == 0 || strcmp(text, "1") == 0)
		*out = true;
	else if (strcmp(text, "false") == 0 || strcmp(text, "0") == 0)
		*out = false;
	else
		return error_set(err, ERR_BAD_REQUEST, "%s must be true or false", name);
	return true;
}

bool api_query_choice(const struct api_request *req, const char *name, const char *const *choices,
		      int otherwise, int *out, struct error *err)
{
	const char *text = api_query(req, name);
	if (!text) {
		*out = otherwise;
		return true;
	}
	for (int i = 0; choices[i]; i++) {
		if (strcmp(text, choices[i]) == 0) {
			*out = i;
			return true;
		}
	}
	return error_set(err, ERR_BAD_REQUEST, "invalid %s parameter: %.80s", name, text);
}

bool api_query_page(const struct api_request *req, struct api_page *out, struct error *err)
{
	return api_query_number(req, "page", 1, PAGE_MAX, 1, &out->page, err) &&
	       api_query_number(req, "page_size", 1, PAGE_SIZE_MAX, PAGE_SIZE, &out->page_size, err);
}
