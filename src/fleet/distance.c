// Simulated distance between locations, so that a developer can feel replication and forwarding on one
// machine.

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fleet/internal.h"

struct leg {
	char from[LOCATION_TEXT_BYTES];
	char to[LOCATION_TEXT_BYTES];
	int64_t ms;
};

struct distance {
	int64_t everywhere_ms;
	struct leg *legs;
	size_t leg_count;
};

static bool parse_ms(const char *text, int64_t *out)
{
	char *end = NULL;
	long value = strtol(text, &end, 10);
	if (end == text || value < 0 || value > 60000 || (strcmp(end, "ms") != 0 && *end != '\0'))
		return false;
	*out = value;
	return true;
}

static bool parse_leg(struct distance *distance, char *text)
{
	char *colon = strchr(text, ':');
	char *equals = strchr(text, '=');
	struct leg leg = {0};
	if (!colon)
		return parse_ms(text, &distance->everywhere_ms);
	if (!equals || equals < colon || !parse_ms(equals + 1, &leg.ms))
		return false;
	snprintf(leg.from, sizeof(leg.from), "%.*s", (int)(colon - text), text);
	snprintf(leg.to, sizeof(leg.to), "%.*s", (int)(equals - colon - 1), colon + 1);
	distance->legs = realloc(distance->legs, (distance->leg_count + 1) * sizeof(leg));
	ASSERT(distance->legs != NULL);
	distance->legs[distance->leg_count++] = leg;
	return true;
}

bool distance_parse(const char *text, struct distance **out, struct error *err)
{
	struct distance *distance = calloc(1, sizeof(*distance));
	ASSERT(distance != NULL);
	OWNED(text) char *copy = strdup(text ? text : "");
	ASSERT(copy != NULL);
	char *rest = copy;
	char *part;
	while ((part = strsep(&rest, ","))) {
		if (part[0] != '\0' && !parse_leg(distance, part)) {
			distance_free(distance);
			return error_set(err, ERR_USAGE,
					 "simulate-latency: \"%s\" is neither \"60ms\" nor \"ord:nrt=80ms\"",
					 part);
		}
	}
	*out = distance;
	return true;
}

void distance_free(struct distance *distance)
{
	if (!distance)
		return;
	free(distance->legs);
	free(distance);
}

int64_t distance_ms(const struct distance *distance, const char *from, const char *to)
{
	if (strcmp(from, to) == 0)
		return 0;
	for (size_t i = 0; i < distance->leg_count; i++) {
		const struct leg *leg = &distance->legs[i];
		if ((strcmp(leg->from, from) == 0 && strcmp(leg->to, to) == 0) ||
		    (strcmp(leg->from, to) == 0 && strcmp(leg->to, from) == 0))
			return leg->ms;
	}
	return distance->everywhere_ms;
}

void distance_travel(struct fleet *fleet, const char *from, const char *to)
{
	int64_t ms = distance_ms(fleet->distance, from, to);
	if (ms == 0)
		return;
	int64_t deadline_ms = clock_monotonic_ms() + ms;
	pthread_mutex_lock(&fleet->closing_mutex);
	while (!fleet->closing &&
	       clock_cond_wait(&fleet->closing_changed, &fleet->closing_mutex, deadline_ms))
		;
	pthread_mutex_unlock(&fleet->closing_mutex);
}
