#include "platform/platform.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "platform/internal.h"
#include "platform/password.h"
#include "platform/usage_meter.h"

enum { LOGIN_LIFETIME_MS = 7 * 24 * 60 * 60 * 1000, LOGIN_FAILURES_MAX = 10 };

enum { WAITER_COUNT_MAX = 64 };

static bool read_lists(struct platform *platform, const struct platform_options *options, struct error *err)
{
	return oauth_open(options->oauth_clients, &platform->oauth, err) &&
	       locations_open(platform, options->locations, options->location_define, options->closest, err);
}

bool platform_check(const struct platform_options *options, struct error *err)
{
	struct platform platform = {0};
	bool good = read_lists(&platform, options, err);
	oauth_close(platform.oauth);
	locations_close(&platform);
	return good;
}

bool platform_open(const struct platform_options *options, struct platform **out, struct error *err)
{
	struct platform *platform = calloc(1, sizeof(*platform));
	ASSERT(platform);
	platform->fleet = options->fleet;
	platform->domain = strdup(options->domain);
	ASSERT(platform->domain);
	platform->domain_in_dns = options->domain_in_dns;
	if (options->implicit_group && options->implicit_group[0] &&
	    strcmp(options->implicit_group, "none") != 0) {
		platform->implicit_group = strdup(options->implicit_group);
		ASSERT(platform->implicit_group);
	}
	platform->waiter_count_max = options->waiters_max ? options->waiters_max : WAITER_COUNT_MAX;
	pthread_mutex_init(&platform->rules_mutex, NULL);
	platform->login_lifetime_ms =
		options->login_lifetime_ms ? options->login_lifetime_ms : LOGIN_LIFETIME_MS;
	platform->passwords = passwords_create(options->login_failures_max ? options->login_failures_max
									   : LOGIN_FAILURES_MAX);
	pthread_mutex_init(&platform->instances_mutex, NULL);
	uploads_open(platform, options);
	migrations_open(platform);
	clock_cond_init(&platform->instances_changed);
	if (!read_lists(platform, options, err) ||
	    !fleet_open_platform(platform->fleet, &platform->store, err) ||
	    !store_migrate(platform->store, err) || !token_seed_open(platform, err)) {
		platform_close(platform);
		return false;
	}
	platform->access = access_create(platform->store);
	fleet_events_connect(platform);
	if (!fleet_events_resume(platform, err) || !uploads_resume(platform, err) ||
	    !migrations_resume(platform, err)) {
		platform_close(platform);
		return false;
	}
	platform->usage_meter = usage_meter_start(platform, options->workers, options->usage_interval_ms);
	*out = platform;
	return true;
}

void platform_finish(struct platform *platform)
{
	if (!platform)
		return;
	backups_finish(platform);
	migrations_finish(platform);
	usage_meter_store(platform->usage_meter, NULL);
	usage_meter_stop(TAKE(platform->usage_meter));
	uploads_finish(platform);
}

void platform_close(struct platform *platform)
{
	if (!platform)
		return;
	backups_close(platform);
	migrations_close(platform);
	usage_meter_stop(platform->usage_meter);
	uploads_close(platform);
	fleet_events_forget(platform);
	access_destroy(platform->access);
	passwords_destroy(platform->passwords);
	oauth_close(platform->oauth);
	pthread_mutex_destroy(&platform->instances_mutex);
	pthread_mutex_destroy(&platform->rules_mutex);
	pthread_cond_destroy(&platform->instances_changed);
	explicit_bzero(platform->token_seed, sizeof(platform->token_seed));
	free(platform->implicit_group);
	locations_close(platform);
	free(platform->domain);
	free(platform);
}

struct access *platform_access(struct platform *platform)
{
	return platform->access;
}
