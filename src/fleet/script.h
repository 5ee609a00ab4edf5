/// script: SQL that is applied to a database whole and once (engine/script.h), or first to a copy of it.
///
/// Threads: any; blocks, and belongs on workers.
#ifndef ATOLL_FLEET_SCRIPT_H
#define ATOLL_FLEET_SCRIPT_H

#include "engine/script.h"

struct fleet;

/// On the database's primary.
/// Fails: ERR_NAMESPACE_NOT_FOUND  the database is not known any more
///        ERR_NOT_READY            its primary cannot serve
///        ERR_BLOCKED              its owner forbids writing
///        and as engine_script_apply
MUST_USE bool fleet_apply_script(struct fleet *fleet, const char *database,
				 const struct engine_script *script, enum script_outcome *out,
				 size_t *out_statement, struct error *err);

/// The same on a copy that is thrown away. The database and its history do not change.
MUST_USE bool fleet_try_script(struct fleet *fleet, const char *database, const struct engine_script *script,
			       enum script_outcome *out, size_t *out_statement, struct error *err);

#endif
