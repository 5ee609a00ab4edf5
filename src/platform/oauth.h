/// oauth: how an application of somebody else gets a platform token of a user (authorization code with PKCE, RFC 6749,
/// RFC 7636). The operator names the applications; a user lets one in with a token of its own; the application
/// exchanges the code, its secret and the verifier for a token, once and within a minute.
///
/// Codes live in memory: a restart forgets those under way.
#ifndef ATOLL_PLATFORM_OAUTH_H
#define ATOLL_PLATFORM_OAUTH_H

#include "platform/platform.h"

enum { OAUTH_CODES_MAX = 256, OAUTH_CODE_MS = 60000 };

/// What the application asks the user for. NULL is "not given".
struct oauth_request {
	const char *client_id;
	const char *redirect_uri;     // must be the one that the operator named
	const char *response_type;    // "code"
	const char *challenge_method; // "S256"
	const char *challenge;        // SHA-256 of the verifier, in base64url
	const char *state;            // given back as it is
};

/// *out_location is where the browser is to go, with the code.
/// Fails: ERR_MISSING_FIELD, ERR_INVALID_FIELD
MUST_USE bool platform_oauth_authorize(struct platform *platform, const struct caller *caller,
				       const struct oauth_request *request, struct arena *arena,
				       const char **out_location, struct error *err);

struct oauth_exchange {
	const char *client_id;
	const char *client_secret;
	const char *redirect_uri;
	const char *grant_type; // "authorization_code"
	const char *verifier;
	const char *code;
};

/// visitor  origin and address are set, nothing else
/// Fails: ERR_MISSING_FIELD, ERR_INVALID_FIELD, ERR_UNAUTHORIZED "unknown client, or wrong secret",
///        ERR_BAD_REQUEST "the code is not valid (any more)"
MUST_USE bool platform_oauth_exchange(struct platform *platform, const struct caller *visitor,
				      const struct oauth_exchange *exchange, struct arena *arena,
				      const char **out_token, struct error *err);

#endif
