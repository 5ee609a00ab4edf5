/// body: JSON bodies as the Platform API reads them (spec/platform-api.md §1.3): whatever the content type
/// says, keys in any letter case, the last duplicate wins, null and "" are absent.
#ifndef ATOLL_API_BODY_H
#define ATOLL_API_BODY_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/json_read.h"
#include "platform/organization.h"

enum { BODY_BYTES_MAX = 1 << 20, BODY_DEPTH_MAX = 64 };

enum body_need {
	BODY_NONE,    // ignored
	BODY_STREAM,  // a file: the handler reads it as it comes (net_request_read)
	BODY_FORM,    // of a page in a browser: no JSON, the handler reads it
	BODY_MAYBE,   // absent and empty are {}
	BODY_REQUIRED // absent and empty are refused
};

/// *out is NULL when there is no object to read from; else released with json_read_free.
/// Fails: ERR_MISSING_FIELD "missing request body", ERR_BAD_JSON "invalid JSON body: …",
///        ERR_BAD_REQUEST "request body must be a JSON object"
MUST_USE bool body_read(const struct buffer *bytes, enum body_need need, struct json **out,
			struct error *err);

/// As json_fields_text, with the words of the specification: "location must be a string".
const char *body_text(struct json_fields *fields, const char *name, enum json_need need);

/// "latest" (also when absent) or "canary".
const char *body_image(struct json_fields *fields);

/// "all", or names separated by commas; NULL when absent. A text or an array of texts.
const char *body_extensions(struct json_fields *fields, struct arena *arena);

/// Fails unless the list is absent or empty.
void body_refuse_list(struct json_fields *fields, const struct json *list, const char *name);

/// Databases that a token shall be able to attach: permissions.read_attach.databases. A token comes out as it was asked
/// for or not at all, so other permissions are refused.
void body_permissions(struct json_fields *fields, struct arena *arena, const char *const **out_attach,
		      size_t *out_count);

/// `role`: "viewer", "member" (also when absent and optional) or "admin"; else "invalid role".
enum role body_role(struct json_fields *fields, enum json_need need);

/// The organization that something goes over to, under either name; required, and missed under the first.
const char *body_target(struct json_fields *fields, const char *first, const char *second);

/// `location`, or `region` as older clients call it; NULL when neither is there.
const char *body_location(struct json_fields *fields);

#endif
