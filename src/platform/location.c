#include <math.h>
#include <string.h>

#include "platform/internal.h"

static const struct place {
	struct location location; // first: a location served is a place
	double latitude, longitude;
} places[] = {
#define LOCATION(code, description, latitude, longitude) {{code, description}, latitude, longitude},
#include "platform/location.def"
#undef LOCATION
};

static const struct place *place_of(const struct location *location)
{
	return (const struct place *)(const void *)location;
}

static const struct location *find_built_in(const char *code, size_t size)
{
	for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
		if (strlen(places[i].location.code) == size &&
		    memcmp(places[i].location.code, code, size) == 0)
			return &places[i].location;
	}
	return NULL;
}

// Takes one code of the list; blanks around it are fine.
static bool take_code(const char **at, const struct location **out, struct error *err)
{
	*at += strspn(*at, " \t");
	size_t size = strcspn(*at, ", \t");
	const struct location *location = find_built_in(*at, size);
	if (!location)
		return error_set(err, ERR_USAGE, "locations: there is no location \"%.*s\"", (int)size, *at);
	*at += size;
	*at += strspn(*at, " \t");
	if (**at == ',')
		++*at;
	*out = location;
	return true;
}

bool locations_open(struct platform *platform, const char *codes, const char *closest, struct error *err)
{
	bool listed[ARRAY_LENGTH(places)] = {false};
	bool all = !codes || !*codes;
	const struct location *first = NULL;
	for (const char *at = all ? "" : codes; *at;) {
		const struct location *location = NULL;
		if (!take_code(&at, &location, err))
			return false;
		listed[place_of(location) - places] = true;
		first = first ? first : location;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
		if (all || listed[i])
			platform->locations[platform->location_count++] = &places[i].location;
	}
	platform->closest = first ? first : platform->locations[0];
	if (closest && *closest) {
		platform->closest = platform_find_location(platform, closest);
		if (!platform->closest)
			return error_set(err, ERR_USAGE, "closest location: \"%s\" is not served here",
					 closest);
	}
	return true;
}

const struct location *const *platform_locations(struct platform *platform, size_t *out_count)
{
	*out_count = platform->location_count;
	return platform->locations;
}

const struct location *platform_find_location(struct platform *platform, const char *code)
{
	for (size_t i = 0; i < platform->location_count; i++) {
		if (strcmp(platform->locations[i]->code, code) == 0)
			return platform->locations[i];
	}
	return NULL;
}

// The haversine of the angle between two places: grows with their distance, and that is all that is asked.
static double nearness(const struct location *a, const struct location *b)
{
	const struct place *from = place_of(a);
	const struct place *to = place_of(b);
	const double radian = 3.14159265358979323846 / 180;
	double north = sin((to->latitude - from->latitude) * radian / 2);
	double east = sin((to->longitude - from->longitude) * radian / 2);
	return north * north + cos(from->latitude * radian) * cos(to->latitude * radian) * east * east;
}

size_t platform_closest_locations(struct platform *platform, const struct location *location,
				  const struct location *out[LOCATION_CLOSEST_MAX])
{
	double distances[LOCATION_CLOSEST_MAX];
	size_t count = 0;
	for (size_t i = 0; i < platform->location_count; i++) {
		const struct location *other = platform->locations[i];
		double distance = nearness(location, other);
		if (other == location || isnan(distance))
			continue;
		size_t at = count < LOCATION_CLOSEST_MAX ? count++ : LOCATION_CLOSEST_MAX;
		for (; at > 0 && distance < distances[at - 1]; at--) {
			if (at < LOCATION_CLOSEST_MAX) {
				distances[at] = distances[at - 1];
				out[at] = out[at - 1];
			}
		}
		if (at < LOCATION_CLOSEST_MAX) {
			distances[at] = distance;
			out[at] = other;
		}
	}
	return count;
}

const struct location *platform_closest_location(struct platform *platform)
{
	return platform->closest;
}
