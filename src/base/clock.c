#include "base/clock.h"

#include <errno.h>
#include <time.h>

#include "base/attributes.h"

int64_t clock_monotonic_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clock_monotonic_ms(void)
{
	return clock_monotonic_ns() / 1000000;
}

int64_t clock_coarse_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_wall_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void clock_format(int64_t wall_ms, char *text)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm parts;
	gmtime_r(&seconds, &parts);
	strftime(text, CLOCK_TEXT_BYTES, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

// Takes exactly `digits` digits and the character behind them ('\0': whatever follows stays).
static bool take_number(const char **at, int digits, char behind, int *out)
{
	int value = 0;
	for (; digits > 0; digits--, ++*at) {
		if (**at < '0' || **at > '9')
			return false;
		value = value * 10 + (**at - '0');
	}
	*out = value;
	if (behind == '\0')
		return true;
	return *(*at)++ == behind;
}

static int days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month - 1] + (month == 2 && leap);
}

// ".25" is 250 ms; without a point, 0.
static bool take_fraction_ms(const char **at, int *out)
{
	*out = 0;
	if (**at != '.')
		return true;
	++*at;
	const char *first = *at;
	for (int scale = 100; **at >= '0' && **at <= '9'; ++*at, scale /= 10)
		*out += (**at - '0') * scale;
	return *at > first;
}

// "Z" or "+01:00", to the text's end.
static bool take_zone(const char *at, int *out_minutes)
{
	int hours = 0;
	int minutes = 0;
	bool east = *at == '+';
	if (*at == 'Z' || *at == 'z') {
		*out_minutes = 0;
		return at[1] == '\0';
	}
	if (*at != '+' && *at != '-')
		return false;
	at++;
	if (!take_number(&at, 2, ':', &hours) || !take_number(&at, 2, '\0', &minutes) || *at != '\0' ||
	    hours > 23 || minutes > 59)
		return false;
	*out_minutes = (hours * 60 + minutes) * (east ? 1 : -1);
	return true;
}

bool clock_parse(const char *text, int64_t *out_wall_ms)
{
	struct tm parts = {0};
	int fraction_ms;
	int zone_minutes;
	const char *at = text;
	if (!take_number(&at, 4, '-', &parts.tm_year) || !take_number(&at, 2, '-', &parts.tm_mon) ||
	    !take_number(&at, 2, '\0', &parts.tm_mday) || (*at != 'T' && *at != 't'))
		return false;
	at++;
	if (!take_number(&at, 2, ':', &parts.tm_hour) || !take_number(&at, 2, ':', &parts.tm_min) ||
	    !take_number(&at, 2, '\0', &parts.tm_sec) || !take_fraction_ms(&at, &fraction_ms) ||
	    !take_zone(at, &zone_minutes))
		return false;
	if (parts.tm_mon < 1 || parts.tm_mon > 12 || parts.tm_mday < 1 ||
	    parts.tm_mday > days_in_month(parts.tm_year, parts.tm_mon) || parts.tm_hour > 23 ||
	    parts.tm_min > 59 || parts.tm_sec > 59)
		return false;
	parts.tm_year -= 1900;
	parts.tm_mon--;
	*out_wall_ms = ((int64_t)timegm(&parts) - zone_minutes * 60) * 1000 + fraction_ms;
	return true;
}

void clock_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attributes);
	pthread_condattr_destroy(&attributes);
}

bool clock_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t deadline_ms)
{
	if (deadline_ms == INT64_MAX) {
		pthread_cond_wait(cond, mutex);
		return true;
	}
	struct timespec until = {.tv_sec = deadline_ms / 1000, .tv_nsec = (deadline_ms % 1000) * 1000000};
	int result = pthread_cond_timedwait(cond, mutex, &until);
	ASSERT(result == 0 || result == ETIMEDOUT);
	return result == 0;
}
