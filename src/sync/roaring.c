#include "sync/roaring.h"

enum {
	COOKIE_PLAIN = 12346,
	COOKIE_RUNS = 12347,
	OFFSETS_FROM = 4, // containers, where there are runs
	CONTAINERS_MAX = 1 << 16,
	ARRAY_MAX = 4096, // numbers; more are a bitmap
	BITMAP_BYTES = 8192,
};

enum container_kind { CONTAINER_ARRAY, CONTAINER_BITMAP, CONTAINER_RUNS };

struct roaring_container {
	uint16_t key; // the high half of its numbers
	enum container_kind kind;
	uint32_t count; // numbers of an array, or runs
	const unsigned char *bytes;
};

struct source {
	const unsigned char *at;
	const unsigned char *end;
};

static uint16_t get16(const unsigned char *at)
{
	return (uint16_t)(at[0] | at[1] << 8);
}

static uint32_t get32(const unsigned char *at)
{
	return (uint32_t)get16(at) | (uint32_t)get16(at + 2) << 16;
}

// The next `size` bytes, or NULL.
static const unsigned char *take(struct source *source, size_t size)
{
	if ((size_t)(source->end - source->at) < size)
		return NULL;
	const unsigned char *bytes = source->at;
	source->at += size;
	return bytes;
}

static bool malformed(struct error *err)
{
	return error_set(err, ERR_BAD_REQUEST, "the page selector is no portable 32-bit Roaring bitmap");
}

// -- reading ------------------------------------------------------------------------------------------

static bool is_ascending(const unsigned char *numbers, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++) {
		if (get16(numbers + 2 * (size_t)i) <= get16(numbers + 2 * (size_t)(i - 1)))
			return false;
	}
	return true;
}

static uint32_t run_first(const struct roaring_container *container, uint32_t i)
{
	return get16(container->bytes + 4 * (size_t)i);
}

static uint32_t run_last(const struct roaring_container *container, uint32_t i)
{
	return run_first(container, i) + get16(container->bytes + 4 * (size_t)i + 2);
}

static bool are_runs(const struct roaring_container *container)
{
	for (uint32_t i = 0; i < container->count; i++) {
		if (run_last(container, i) > UINT16_MAX ||
		    (i > 0 && run_first(container, i) <= run_last(container, i - 1)))
			return false;
	}
	return true;
}

static bool read_runs(struct source *source, struct roaring_container *out)
{
	const unsigned char *head = take(source, 2);
	if (!head)
		return false;
	out->kind = CONTAINER_RUNS;
	out->count = get16(head);
	out->bytes = take(source, 4 * (size_t)out->count);
	return out->bytes && are_runs(out);
}

static bool read_container(struct source *source, const unsigned char *description, bool runs,
			   struct roaring_container *out)
{
	uint32_t cardinality = (uint32_t)get16(description + 2) + 1;
	*out = (struct roaring_container){.key = get16(description), .count = cardinality};
	if (runs)
		return read_runs(source, out);
	out->kind = cardinality > ARRAY_MAX ? CONTAINER_BITMAP : CONTAINER_ARRAY;
	out->bytes = take(source, out->kind == CONTAINER_BITMAP ? BITMAP_BYTES : 2 * (size_t)cardinality);
	return out->bytes && (out->kind == CONTAINER_BITMAP || is_ascending(out->bytes, cardinality));
}

// *out_runs: a bit for each container, or NULL.
static bool read_head(struct source *source, size_t *out_count, const unsigned char **out_runs)
{
	const unsigned char *head = take(source, 4);
	*out_runs = NULL;
	if (!head)
		return false;
	if (get32(head) == COOKIE_PLAIN) {
		head = take(source, 4);
		*out_count = head ? get32(head) : 0;
		return head && *out_count <= CONTAINERS_MAX;
	}
	*out_count = (size_t)get16(head + 2) + 1;
	*out_runs = take(source, (*out_count + 7) / 8);
	return get16(head) == COOKIE_RUNS && *out_runs;
}

bool roaring_read(struct arena *arena, const void *bytes, size_t size, struct roaring *out, struct error *err)
{
	struct source source = {.at = bytes, .end = (const unsigned char *)bytes + size};
	const unsigned char *runs;
	size_t count;
	if (!read_head(&source, &count, &runs))
		return malformed(err);
	const unsigned char *descriptions = take(&source, 4 * count);
	// The containers follow one another; where each begins is told too, and not needed.
	bool has_offsets = !runs || count >= OFFSETS_FROM;
	if (!descriptions || (has_offsets && !take(&source, 4 * count)))
		return malformed(err);
	struct roaring set = {.count = count};
	set.containers = arena_alloc(arena, (count + 1) * sizeof(*set.containers));
	for (size_t i = 0; i < count; i++) {
		bool is_run = runs && (runs[i / 8] >> (i % 8) & 1);
		if (!read_container(&source, descriptions + 4 * i, is_run, &set.containers[i]) ||
		    (i > 0 && set.containers[i].key <= set.containers[i - 1].key))
			return malformed(err);
	}
	if (source.at != source.end)
		return malformed(err);
	*out = set;
	return true;
}

// -- asking -------------------------------------------------------------------------------------------

// The first of `count` for which `reaches` holds, as it does for all that follow.
static uint32_t find(const struct roaring_container *container, uint32_t from,
		     bool (*reaches)(const struct roaring_container *container, uint32_t i, uint32_t from))
{
	uint32_t low = 0;
	uint32_t high = container->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (reaches(container, middle, from))
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static bool number_reaches(const struct roaring_container *container, uint32_t i, uint32_t from)
{
	return get16(container->bytes + 2 * (size_t)i) >= from;
}

static bool run_reaches(const struct roaring_container *container, uint32_t i, uint32_t from)
{
	return run_last(container, i) >= from;
}

static bool next_of_bitmap(const unsigned char *bits, uint32_t from, uint32_t *out)
{
	unsigned byte = bits[from / 8] & (0xffU << (from % 8));
	uint32_t at = from / 8;
	while (!byte && ++at < BITMAP_BYTES)
		byte = bits[at];
	if (at == BITMAP_BYTES)
		return false;
	*out = at * 8 + (uint32_t)__builtin_ctz(byte);
	return true;
}

static bool next_inside(const struct roaring_container *container, uint32_t from, uint32_t *out)
{
	if (container->kind == CONTAINER_BITMAP)
		return next_of_bitmap(container->bytes, from, out);
	bool runs = container->kind == CONTAINER_RUNS;
	uint32_t i = find(container, from, runs ? run_reaches : number_reaches);
	if (i == container->count)
		return false;
	uint32_t first = runs ? run_first(container, i) : get16(container->bytes + 2 * (size_t)i);
	*out = first > from ? first : from;
	return true;
}

static size_t find_container(const struct roaring *set, uint32_t key)
{
	size_t low = 0;
	size_t high = set->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (set->containers[middle].key >= key)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

bool roaring_next(const struct roaring *set, uint32_t from, uint32_t *out)
{
	for (size_t i = find_container(set, from >> 16); i < set->count; i++) {
		const struct roaring_container *container = &set->containers[i];
		uint32_t low = container->key == from >> 16 ? from & UINT16_MAX : 0;
		uint32_t found;
		if (next_inside(container, low, &found)) {
			*out = (uint32_t)container->key << 16 | found;
			return true;
		}
	}
	return false;
}

bool roaring_has(const struct roaring *set, uint32_t number)
{
	uint32_t found;
	return roaring_next(set, number, &found) && found == number;
}
