/// multipart: reads a multipart/form-data body (RFC 7578) as it comes and hands out the bytes of one of its parts.
/// Memory is bounded whatever the sizes.
///
/// Life:    multipart_open → multipart_read until 0 → multipart_close.
/// Threads: the caller's.
#ifndef ATOLL_NET_MULTIPART_H
#define ATOLL_NET_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct multipart;
struct net_request;

/// Where the body comes from: as net_request_read.
struct multipart_source {
	bool (*read)(void *context, char *out, size_t size, size_t *out_read, struct error *err);
	void *context;
};
struct multipart_source multipart_source_of(struct net_request *request);

/// Reads up to the part called `name`. content_type: the header's value, or NULL.
/// Fails: ERR_UNSUPPORTED_MEDIA  no multipart/form-data with a boundary
///        ERR_BAD_REQUEST        the form is broken or has no such part; or as the source
MUST_USE bool multipart_open(const char *content_type, const char *name, struct multipart_source source,
			     struct multipart **out, struct error *err);

/// The part's next bytes, at most `size`; 0 is its end, and then the form was read to its last boundary.
/// Fails: ERR_BAD_REQUEST  the form ends early or is broken; or as the source
MUST_USE bool multipart_read(struct multipart *multipart, char *out, size_t size, size_t *out_read,
			     struct error *err);

void multipart_close(struct multipart *multipart); // NULL is fine
static inline void multipart_cleanup(struct multipart **multipart)
{
	multipart_close(*multipart);
	*multipart = NULL;
}

#endif
