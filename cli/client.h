/// client: the Platform API as the commands see it.
///
/// It knows the settings and so can say in an error which of them did not work. Paths are given without the
/// server's address; those below an organization are built by client_org_path.
#ifndef ATOLL_CLI_CLIENT_H
#define ATOLL_CLI_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attributes.h"
#include "base/error.h"
#include "base/json_read.h"
#include "cli/address.h"
#include "cli/config.h"
#include "cli/http.h"

struct client {
	struct arena *arena;
	const struct settings *settings;
	struct http *http;
	const char *org;         // found out when no setting names it
	bool form_known;         // how databases are addressed
	enum address_form form;  //
	int status;              // of the last answer, 0 when there was none
	const char *server_code; // machine code of the last refusal, "" when there was none
};

/// The http is borrowed and stays the caller's.
struct client client_of(struct arena *arena, const struct settings *settings, struct http *http);

/// Sends and reads the JSON answer; *out is NULL when the body is empty.
/// A refusal has a hint as its detail where something helps (cli/hints.h).
/// Fails: ERR_UNAUTHORIZED   no token, or one the server refuses
///        ERR_UNAVAILABLE    the server cannot be reached
///        ERR_NOT_READY      503 with the code not_ready
///        ERR_BAD_REQUEST    any other refusal; the message is the server's, client->server_code its code
MUST_USE bool client_call(struct client *client, const char *method, const char *path, const char *body,
			  struct json **out, struct error *err);
/// As client_call, for a path below the organization given by its segments, up to NULL:
/// client_org_call(client, "GET", NULL, &root, err, "databases", name, NULL).
MUST_USE bool client_org_call(struct client *client, const char *method, const char *body, struct json **out,
			      struct error *err, ...) __attribute__((sentinel));
/// A request of any form. Its url may be a path of the API or the address of a database; without a bearer of its
/// own the platform token is sent, to the API only.
MUST_USE bool client_send(struct client *client, const struct http_request *request, struct json **out,
			  struct error *err);
/// The same without a token, for public routes.
MUST_USE bool client_call_public(struct client *client, const char *path, int64_t timeout_ms,
				 struct json **out, struct error *err);
/// POST without a token, for what gives one.
MUST_USE bool client_post_public(struct client *client, const char *path, const char *body, struct json **out,
				 struct error *err);

/// Asks the server for the organization that its user most likely means: the only one, or the only one besides
/// the personal one. *out is NULL when there are several.
MUST_USE bool client_find_org(struct client *client, const char **out, struct error *err);

/// Slug of the organization to work on: the setting, or what client_find_org finds.
/// Fails also: ERR_USAGE when there are several to choose from.
MUST_USE bool client_org(struct client *client, const char **out, struct error *err);

/// "/v1/organizations/SLUG" and the segments, percent-encoded, up to NULL:
/// client_org_path(client, &path, err, "databases", name, "instances", NULL).
MUST_USE bool client_org_path(struct client *client, const char **out, struct error *err, ...)
	__attribute__((sentinel));

/// The address of a database or instance, by its hostname.
const char *client_address_of(struct client *client, const char *hostname);

#endif
