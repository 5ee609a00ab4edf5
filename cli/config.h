/// config: which server, with which token, for which organization; and where each of these was said.
///
/// For each setting the first of: command line; ATOLL_URL, ATOLL_TOKEN, ATOLL_ORG; TURSO_API_BASE_URL or
/// TURSO_API_BASEURL, TURSO_API_TOKEN; the configuration file; bootstrap.json in ./atoll-data, which a server
/// writes at its first start. The server's address has a default at last.
///
/// A token or organization from a file belongs to the server named in that file: it is not sent to another.
#ifndef ATOLL_CLI_CONFIG_H
#define ATOLL_CLI_CONFIG_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/attributes.h"
#include "base/error.h"

struct setting {
	const char *value;  // NULL when nowhere set
	const char *origin; // "--url", "ATOLL_URL", a path, "default"; NULL with value
};

struct settings {
	struct setting url; // never absent; an address as address_of_server gives it
	struct setting token;
	struct setting org;
	const char
		*file; // path of the configuration file, whether it exists or not; NULL without a home folder
	const char *note; // why a token that exists is not used, for who misses it; else NULL
};

/// What was said on the command line; NULL where nothing was.
struct settings_flags {
	const char *url;
	const char *token;
	const char *org;
};

#define CONFIG_URL_DEFAULT "http://127.0.0.1:8080"

/// Fails: ERR_USAGE for an address that is none, or a file that cannot be understood; the message says where.
MUST_USE bool config_load(struct arena *arena, const struct settings_flags *flags, struct settings *out,
			  struct error *err);

/// What the configuration file holds; absent members are NULL.
struct config_file {
	const char *url;
	const char *token;
	const char *org;
};

/// An absent file is an empty one.
MUST_USE bool config_read_file(struct arena *arena, const char *path, struct config_file *out,
			       struct error *err);
/// Writes the file anew, readable for its owner only. Fails: ERR_USAGE when path is NULL (no home folder).
MUST_USE bool config_write_file(const char *path, const struct config_file *content, struct error *err);

#endif
