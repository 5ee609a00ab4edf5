/// transfer: files on their way to a server and from it, with a progress display and bounded memory.
///
/// Ctrl-C, SIGTERM and a terminal that goes away end a transfer with ERR_SHUTDOWN instead of the program, so that the
/// caller can take back what it began: call http_catch_endings first.
#ifndef ATOLL_CLI_TRANSFER_H
#define ATOLL_CLI_TRANSFER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/error.h"
#include "cli/client.h"

struct transfer_file {
	int fd; // -1: none
	uint64_t size;
	const char *name; // without folders
};
void transfer_file_cleanup(struct transfer_file *file); // OWNED(transfer_file)

/// Opens a SQLite file for reading, after a look at its header and for a WAL beside it, whose content would be lost.
/// Fails: ERR_BAD_REQUEST, naming the path.
MUST_USE bool transfer_open_database(const char *path, struct transfer_file *out, struct error *err);
/// Opens a text with SQL. Fails: ERR_BAD_REQUEST, also when it is a SQLite file or compressed.
MUST_USE bool transfer_open_dump(const char *path, struct transfer_file *out, struct error *err);

/// Sends the file into a draft database in pieces (spec/platform-api.md §3.13). A piece that does not arrive is sent
/// again, with growing pauses, so that a broken connection costs one piece and not the whole. `base` is the address
/// of the database, `token` opens it.
MUST_USE bool transfer_upload_database(struct client *client, const char *base, const char *token,
				       const struct transfer_file *file, struct error *err);

/// Sends a dump to the organization and returns the address under which a new database finds it, for an hour.
MUST_USE bool transfer_upload_dump(struct client *client, const struct transfer_file *file,
				   const char **out_url, struct error *err);

/// Fetches what the API has at `path` into a new file, which is complete and durable when this returns; until then it
/// is `target` with another name. An existing file is replaced only with `overwrite`.
/// Fails: ERR_EXISTS
MUST_USE bool transfer_download(struct client *client, const char *path, const char *what, const char *target,
				bool overwrite, uint64_t *out_size, struct error *err);

#endif
