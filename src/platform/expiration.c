#include "platform/expiration.h"

#include <stddef.h>
#include <string.h>

#include "base/attributes.h"

static const struct unit {
	const char *name;
	int64_t ns;
} units[] = {
	// Longer names before those that they begin with.
	{"ms", INT64_C(1000000)},
	{"us", INT64_C(1000)},
	{"\xc2\xb5s", INT64_C(1000)}, // micro sign
	{"\xce\xbcs", INT64_C(1000)}, // Greek mu
	{"ns", INT64_C(1)},
	{"w", INT64_C(604800000000000)},
	{"d", INT64_C(86400000000000)},
	{"h", INT64_C(3600000000000)},
	{"m", INT64_C(60000000000)},
	{"s", INT64_C(1000000000)},
};

static const struct unit *take_unit(const char **at)
{
	for (size_t i = 0; i < ARRAY_LENGTH(units); i++) {
		size_t size = strlen(units[i].name);
		if (strncmp(*at, units[i].name, size) == 0) {
			*at += size;
			return &units[i];
		}
	}
	return NULL;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

// The digits after the point, at most nine of them: the rest is less than any unit's nanosecond matters.
static int64_t take_fraction(const char **at, int64_t *out_scale)
{
	int64_t fraction = 0;
	*out_scale = 1;
	for (; is_digit(**at); ++*at) {
		if (*out_scale < INT64_C(1000000000)) {
			fraction = fraction * 10 + (**at - '0');
			*out_scale *= 10;
		}
	}
	return fraction;
}

// One number with its unit is added to *sum; false when there is none, or the sum does not fit.
static bool take_part(const char **at, int64_t *sum)
{
	int64_t whole = 0;
	int64_t fraction = 0;
	int64_t scale = 1;
	const char *start = *at;
	for (; is_digit(**at); ++*at) {
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, **at - '0', &whole))
			return false;
	}
	size_t digits = (size_t)(*at - start);
	if (**at == '.') {
		++*at;
		const char *point = *at;
		fraction = take_fraction(at, &scale);
		digits += (size_t)(*at - point);
	}
	const struct unit *unit = digits > 0 ? take_unit(at) : NULL;
	if (!unit)
		return false;
	// scale is at most 1e9 and fraction below it, so the product of the quotient's parts stays in range.
	int64_t part_fraction = unit->ns / scale * fraction + unit->ns % scale * fraction / scale;
	int64_t part;
	return !__builtin_mul_overflow(whole, unit->ns, &part) && !__builtin_add_overflow(*sum, part, sum) &&
	       !__builtin_add_overflow(*sum, part_fraction, sum);
}

bool expiration_parse(const char *text, int64_t *out_ns)
{
	int64_t sum = 0;
	if (!text || !*text || strcmp(text, "never") == 0 || strcmp(text, "none") == 0 ||
	    strcmp(text, "default") == 0) {
		*out_ns = 0;
		return true;
	}
	if (*text == '+')
		text++;
	while (*text) {
		if (!take_part(&text, &sum))
			return false;
	}
	if (sum <= 0)
		return false;
	*out_ns = sum;
	return true;
}
