/// address: URLs of servers and of databases.
///
/// A database is reached by its own host name, or, where names cannot be resolved, by a path on the server's
/// address: http://127.0.0.1:8080/db/my-db-my-org/. All texts live in the arena that is passed.
#ifndef ATOLL_CLI_ADDRESS_H
#define ATOLL_CLI_ADDRESS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/attributes.h"
#include "base/error.h"

/// The URL of a database as people write it, taken apart.
struct address {
	const char *base;     // http://host:port/path/ or https://…; always with a slash at its end
	const char *user;     // from user:password@, else NULL
	const char *password; //
	const char *token;    // from ?authToken=, else NULL
};

/// Takes http, https, ws, wss and libsql URLs; libsql means TLS unless ?tls=0.
/// Fails: ERR_USAGE, naming what is wrong with the text.
MUST_USE bool address_parse(struct arena *arena, const char *text, struct address *out, struct error *err);

/// The address of a server (http or https), without slashes at its end.
/// Fails: ERR_USAGE.
MUST_USE bool address_of_server(struct arena *arena, const char *text, const char **out, struct error *err);

/// The host in a URL, lower-case, without port and brackets.
const char *address_host(struct arena *arena, const char *url);
bool address_is_loopback(const char *host);
/// An IP address, localhost or a name below it: nothing that could carry names of databases.
bool address_is_local(const char *host);
/// Both URLs lead to the same scheme, host and port; all names of the own machine are the same host.
bool address_same_server(struct arena *arena, const char *a, const char *b);

enum address_form { ADDRESS_BY_HOST, ADDRESS_BY_PATH };

/// How databases of this server are reached from here: by host name if the server itself is known by name and
/// `hostname` (of any of its databases) can be resolved.
enum address_form address_choose_form(struct arena *arena, const char *server, const char *hostname,
				      bool (*can_resolve)(const char *host));
bool address_can_resolve(const char *host);

/// The address of the database or instance with this hostname (which may carry a port).
const char *address_of_database(struct arena *arena, const char *server, const char *hostname,
				enum address_form form);
/// The same as clients of the ecosystem take it: libsql:// where the server speaks TLS on its own host name.
const char *address_for_clients(struct arena *arena, const char *address);

/// Percent-encodes one segment of a path.
const char *address_segment(struct arena *arena, const char *text);

#endif
