/// world: a platform on a real fleet in a temporary folder, its first user, and short ways to ask it things.
#ifndef ATOLL_TEST_UNIT_PLATFORM_WORLD_H
#define ATOLL_TEST_UNIT_PLATFORM_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/disk.h"
#include "base/json_read.h"
#include "base/workers.h"
#include "fleet/fleet.h"
#include "platform/access.h"
#include "platform/database.h"
#include "platform/instance.h"
#include "platform/organization.h"
#include "platform/platform.h"
#include "platform/token.h"

struct world {
	char folder[64];
	char bootstrap_file[96];
	struct workers *workers;
	struct fleet *fleet;
	struct platform *platform;
	struct arena arena;
	struct caller caller;
	struct organization organization;
	struct error err; // of the last call that failed
};

static inline void world_must(struct world *world, bool ok)
{
	if (!ok)
		fail_msg("%s: %s (%s)", error_code_name(world->err.code), world->err.message,
			 world->err.detail);
}

static inline void world_expect(struct world *world, bool ok, enum error_code code, const char *message)
{
	assert_false(ok);
	assert_string_equal(world->err.message, message);
	assert_string_equal(error_code_name(world->err.code), error_code_name(code));
}

static inline void world_start(struct world *world)
{
	world_must(world, workers_start(32, 8, &world->workers, &world->err));
	struct fleet_options fleet = {.data_folder = world->folder,
				      .workers = world->workers,
				      .limits = {.statement_ms_max = 5000,
						 .transaction_ms_max = 5000,
						 .lane_wait_ms_max = 5000,
						 .sql_bytes_max = 100000,
						 .connections_per_instance_max = 16,
						 .row_bytes_max = 5000000},
				      .log_bytes_max = 64 << 20};
	world_must(world, fleet_open(&fleet, &world->fleet, &world->err));
	struct platform_options options = {.fleet = world->fleet, .domain = "db.test:8080"};
	world_must(world, platform_open(&options, &world->platform, &world->err));
}

static inline void world_stop(struct world *world)
{
	fleet_close(world->fleet);
	platform_close(world->platform);
	workers_stop(world->workers);
}

/// The first user's token, as an operator finds it in the file.
static inline void world_enter(struct world *world)
{
	OWNED(buffer) struct buffer file = {0};
	OWNED(json_root) struct json *root = NULL;
	world_must(world, disk_read_file(world->bootstrap_file, 10000, &file, &world->err));
	world_must(world, json_read_parse(file.data, file.size, 0, 4, &root, &world->err));
	world_must(world,
		   platform_authenticate(world->platform, json_read_text(json_read_get(root, "token"), NULL),
					 &world->arena, &world->caller, &world->err));
	world_must(world,
		   platform_enter_organization(world->platform, &world->caller,
					       json_read_text(json_read_get(root, "organization"), NULL),
					       &world->arena, &world->organization, &world->err));
}

static inline bool world_bootstrap(struct world *world, bool *created)
{
	struct platform_bootstrap first = {.organization = "My Org",
					   .username = "admin",
					   .url = "http://127.0.0.1:8080",
					   .file = world->bootstrap_file};
	return platform_bootstrap(world->platform, &first, created, &world->err);
}

static inline int world_setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	bool created;
	assert_true(crypt_start(&world->err));
	snprintf(world->folder, sizeof(world->folder), "/tmp/atoll-platform-XXXXXX");
	assert_non_null(mkdtemp(world->folder));
	snprintf(world->bootstrap_file, sizeof(world->bootstrap_file), "%s/bootstrap.json", world->folder);
	world_start(world);
	world_must(world, world_bootstrap(world, &created));
	world_enter(world);
	*state = world;
	return 0;
}

static inline int world_teardown(void **state)
{
	struct world *world = *state;
	world_stop(world);
	assert_true(disk_remove_tree(world->folder, &world->err));
	arena_cleanup(&world->arena);
	free(world);
	return 0;
}

static inline struct database world_make_database(struct world *world, const char *name)
{
	struct database database;
	struct database_wish wish = {.name = name};
	world_must(world, platform_create_database(world->platform, &world->caller, &world->organization,
						   &wish, &world->arena, &database, &world->err));
	return database;
}

static inline struct instance_created world_make_instance(struct world *world,
							  const struct database *database,
							  const char *location, const char *name)
{
	struct instance_created made;
	struct instance_wish wish = {.location = location, .name = name};
	world_must(world, platform_create_instance(world->platform, &world->caller, &world->organization,
						   database, &wish, &world->arena, &made, &world->err));
	return made;
}

static inline bool world_wait(struct world *world, const struct database *database, const char *ref)
{
	return platform_wait_instance(world->platform, &world->organization, database, ref, 20000,
				      &world->err);
}

/// The host label of a hostname of ours.
static inline const char *world_label(struct world *world, const char *hostname)
{
	const char *dot = strstr(hostname, ".db.test:8080");
	assert_non_null(dot);
	return arena_copy(&world->arena, hostname, (size_t)(dot - hostname));
}

static inline const char *world_bearer(struct world *world, const struct database *database,
				       const char *expiration, const char *authorization)
{
	const char *jwt;
	struct database_token_wish wish = {.expiration = expiration, .authorization = authorization};
	world_must(world, platform_mint_database_token(world->platform, &world->caller, &world->organization,
						       database, &wish, &world->arena, &jwt, &world->err));
	return arena_printf(&world->arena, "Bearer %s", jwt);
}

static inline const char *world_basic(struct world *world, const char *username, const char *password)
{
	OWNED(buffer) struct buffer pair = {0};
	OWNED(buffer) struct buffer encoded = {0};
	buffer_printf(&pair, "%s:%s", username, password);
	crypt_base64_encode(&encoded, pair.data, pair.size, false);
	return arena_printf(&world->arena, "Basic %s", buffer_text(&encoded));
}

#endif
