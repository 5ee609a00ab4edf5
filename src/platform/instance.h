/// instance: copies of a logical database in locations (spec/platform-api.md §4).
#ifndef ATOLL_PLATFORM_INSTANCE_H
#define ATOLL_PLATFORM_INSTANCE_H

#include "platform/database.h"

/// States and the ways between them: platform/instance_state.def.
enum instance_state {
	INSTANCE_CREATING,  // stored; the fleet makes its files
	INSTANCE_READY,     // can take a query
	INSTANCE_FAILED,    // could not be made
	INSTANCE_DESTROYING // its files are being removed; nobody sees it any more
};

struct instance {
	const char *uuid;
	const char *name;
	const char *type;   // "primary" or "replica"
	const char *region; // location code
	const char *hostname;
	enum instance_state state;
};

/// "creating", "ready", "failed", "destroying"
const char *instance_state_name(enum instance_state state);

/// NULL is "not given".
struct instance_wish {
	const char *location;
	const char *image; // "latest" or "canary"
	const char *name;
};

struct instance_created {
	struct instance instance;
	const char *username;
	const char *password; // to be shown once
};

/// The first becomes the primary. Returns once the instance is stored; it is usually ready by then, and
/// platform_wait_instance tells.
/// Fails: ERR_MISSING_FIELD "location is required", ERR_INVALID_LOCATION "invalid location: X",
/// ERR_INVALID_FIELD
///        "invalid image: X", ERR_INVALID_NAME "invalid instance name", ERR_ALREADY_EXISTS "instance N
///        already exists", ERR_DATABASE_NOT_FOUND
MUST_USE bool platform_create_instance(struct platform *platform, const struct caller *caller,
				       const struct organization *organization,
				       const struct database *database, const struct instance_wish *wish,
				       struct arena *arena, struct instance_created *out, struct error *err);

/// Primary first, then in order of creation.
MUST_USE bool platform_list_instances(struct platform *platform, const struct organization *organization,
				      const struct database *database, struct arena *arena,
				      struct instance **out, size_t *out_count, struct error *err);

/// `ref` is a name or a UUID (which wins).
/// Fails: ERR_INSTANCE_NOT_FOUND "could not find instance I of database D"
MUST_USE bool platform_find_instance(struct platform *platform, const struct organization *organization,
				     const struct database *database, const char *ref, struct arena *arena,
				     struct instance *out, struct error *err);

/// Fails: ERR_INSTANCE_NOT_FOUND, ERR_PRIMARY_INSTANCE "cannot destroy the primary instance of database D"
MUST_USE bool platform_destroy_instance(struct platform *platform, const struct caller *caller,
					const struct organization *organization,
					const struct database *database, const char *ref, struct arena *arena,
					struct instance *out, struct error *err);

/// Blocks until the instance can take a query, at most `timeout_ms`.
/// Fails: ERR_NOT_READY "instance I is not ready", ERR_BAD_REQUEST creation failed (with the reason),
///        ERR_INSTANCE_NOT_FOUND (also when it is deleted meanwhile)
MUST_USE bool platform_wait_instance(struct platform *platform, const struct organization *organization,
				     const struct database *database, const char *ref, int64_t timeout_ms,
				     struct error *err);

#endif
