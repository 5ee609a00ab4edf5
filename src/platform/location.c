#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "platform/internal.h"

struct place {
	struct location location;   // first: a location is a place
	double latitude, longitude; // NAN: nowhere in particular, near to none
};

static const struct place built_in[] = {
#define LOCATION(code, description, latitude, longitude) {{code, description}, latitude, longitude},
#include "platform/location.def"
#undef LOCATION
};

static const struct place *place_of(const struct location *location)
{
	return (const struct place *)(const void *)location;
}

bool location_place(const struct location *location, double *out_latitude, double *out_longitude)
{
	const struct place *place = place_of(location);
	*out_latitude = place->latitude;
	*out_longitude = place->longitude;
	return !isnan(place->latitude);
}

static struct place *find_place(const struct buffer *places, const char *code)
{
	struct place *all = (void *)places->data;
	for (size_t i = 0; i < places->size / sizeof(*all); i++) {
		if (strcmp(all[i].location.code, code) == 0)
			return &all[i];
	}
	return NULL;
}

// -- those that the operator defines --------------------------------------------------------------------

// Copies what stands between two places of a text, without the blanks around it.
static char *trimmed(struct arena *arena, const char *from, const char *to)
{
	while (from < to && (*from == ' ' || *from == '\t'))
		from++;
	while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
		to--;
	return arena_copy(arena, from, (size_t)(to - from));
}

static bool read_degrees(const char *code, const char *what, const char *text, double limit, double *out,
			 struct error *err)
{
	char *end;
	double value = strtod(text, &end);
	if (end == text || *end || !(fabs(value) <= limit))
		return error_set(err, ERR_USAGE,
				 "location-define: location %s: %s \"%s\" is not a number from -%g to %g",
				 code, what, text, limit, limit);
	*out = value;
	return true;
}

static bool read_coordinates(const char *code, const char *text, struct arena *arena, struct place *place,
			     struct error *err)
{
	const char *comma = strchr(text, ',');
	if (!comma)
		return error_set(err, ERR_USAGE,
				 "location-define: location %s: expected LATITUDE,LONGITUDE behind the @",
				 code);
	return read_degrees(code, "latitude", trimmed(arena, text, comma), 90, &place->latitude, err) &&
	       read_degrees(code, "longitude", trimmed(arena, comma + 1, comma + strlen(comma)), 180,
			    &place->longitude, err);
}

static bool check_name(const char *code, const char *name, struct error *err)
{
	if (!*name)
		return error_set(err, ERR_USAGE, "location-define: location %s has no name", code);
	if (strlen(name) > LOCATION_NAME_BYTES_MAX)
		return error_set(err, ERR_USAGE,
				 "location-define: the name of location %s is longer than %d bytes", code,
				 LOCATION_NAME_BYTES_MAX);
	for (; *name; name++) {
		if ((unsigned char)*name < ' ' || *name == 0x7f)
			return error_set(err, ERR_USAGE,
					 "location-define: the name of location %s holds a control character",
					 code);
	}
	return true;
}

// "hel=Helsinki, Finland@60.32,24.95"; a name may hold @ and =.
static bool read_definition(const char *text, struct arena *arena, struct place *place, struct error *err)
{
	const char *equals = strchr(text, '=');
	if (!equals)
		return error_set(
			err, ERR_USAGE,
			"location-define: \"%s\": expected CODE=NAME or CODE=NAME@LATITUDE,LONGITUDE", text);
	const char *at = strrchr(equals, '@');
	const char *code = trimmed(arena, text, equals);
	const char *name = trimmed(arena, equals + 1, at ? at : equals + strlen(equals));
	if (!name_is_plain(code) || strlen(code) >= LOCATION_TEXT_BYTES)
		return error_set(
			err, ERR_USAGE,
			"location-define: \"%s\" is no location code: use 1 to %d of a-z, 0-9 and \"-\","
			" with \"-\" neither first nor last",
			code, LOCATION_TEXT_BYTES - 1);
	*place = (struct place){{code, name}, NAN, NAN};
	return check_name(code, name, err) && (!at || read_coordinates(code, at + 1, arena, place, err));
}

// A built-in location of the same code gives way.
static bool add_definition(const char *text, struct arena *arena, struct buffer *defined,
			   struct buffer *places, struct error *err)
{
	struct place place = {0};
	if (!*text)
		return true;
	if (!read_definition(text, arena, &place, err))
		return false;
	ASSERT(place.location.code);
	if (find_place(defined, place.location.code))
		return error_set(err, ERR_USAGE, "location-define: location %s is defined twice",
				 place.location.code);
	if (defined->size / sizeof(place) == LOCATIONS_DEFINED_MAX)
		return error_set(err, ERR_USAGE, "location-define: more than %d locations",
				 LOCATIONS_DEFINED_MAX);
	struct place *known = find_place(places, place.location.code);
	if (known)
		*known = place;
	else
		buffer_append(places, &place, sizeof(place));
	buffer_append(defined, &place, sizeof(place));
	return true;
}

static bool add_definitions(const char *text, struct arena *arena, struct buffer *places, struct error *err)
{
	OWNED(buffer) struct buffer defined = {0};
	while (*text) {
		size_t size = strcspn(text, ";");
		if (!add_definition(trimmed(arena, text, text + size), arena, &defined, places, err))
			return false;
		text += size + (text[size] == ';');
	}
	return true;
}

// -- those that are served ------------------------------------------------------------------------------

static int by_code(const void *a, const void *b)
{
	const struct place *left = a;
	const struct place *right = b;
	return strcmp(left->location.code, right->location.code);
}

static void serve(struct platform *platform, const struct location *location)
{
	for (size_t i = 0; i < platform->location_count; i++) {
		if (platform->locations[i] == location)
			return;
	}
	platform->locations[platform->location_count++] = location;
}

// The codes of the list, in its order: the first one is closest to whoever knows no better.
static bool serve_listed(struct platform *platform, const char *codes, const struct buffer *places,
			 struct error *err)
{
	while (*codes) {
		size_t size = strcspn(codes, ",");
		const char *code = trimmed(&platform->places, codes, codes + size);
		const struct place *place = find_place(places, code);
		if (!place)
			return error_set(err, ERR_USAGE, "locations: there is no location \"%s\"", code);
		serve(platform, &place->location);
		codes += size + (codes[size] == ',');
	}
	return true;
}

static int location_by_code(const void *a, const void *b)
{
	const struct location *const *left = a;
	const struct location *const *right = b;
	return strcmp((*left)->code, (*right)->code);
}

bool locations_open(struct platform *platform, const char *codes, const char *defined, const char *closest,
		    struct error *err)
{
	OWNED(buffer) struct buffer gathered = {0};
	buffer_append(&gathered, built_in, sizeof(built_in));
	if (!add_definitions(defined ? defined : "", &platform->places, &gathered, err))
		return false;
	// From here on they stay where they are.
	struct buffer places = {.data = arena_copy(&platform->places, gathered.data, gathered.size),
				.size = gathered.size};
	size_t count = places.size / sizeof(struct place);
	struct place *all = (void *)places.data;
	qsort(all, count, sizeof(*all), by_code);
	platform->locations = arena_alloc(&platform->places, count * sizeof(const struct location *));
	if (codes && *codes) {
		if (!serve_listed(platform, codes, &places, err))
			return false;
	} else {
		for (size_t i = 0; i < count; i++)
			serve(platform, &all[i].location);
	}
	platform->closest = platform->locations[0];
	qsort(platform->locations, platform->location_count, sizeof(const struct location *),
	      location_by_code);
	if (closest && *closest) {
		platform->closest = platform_find_location(platform, closest);
		if (!platform->closest)
			return error_set(err, ERR_USAGE, "closest-region: location \"%s\" is not served here",
					 closest);
	}
	return true;
}

void locations_close(struct platform *platform)
{
	arena_cleanup(&platform->places);
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
