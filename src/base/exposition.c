#include "base/exposition.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/utf8.h"

static void escape(struct buffer *out, const char *text)
{
	OWNED(buffer) struct buffer mended = {0};
	if (!utf8_is_valid(text, strlen(text))) {
		utf8_append_mended(&mended, text, strlen(text));
		text = buffer_text(&mended);
	}
	for (const char *at = text; *at; at++) {
		if (*at == '\\')
			buffer_append_text(out, "\\\\");
		else if (*at == '"')
			buffer_append_text(out, "\\\"");
		else if (*at == '\n')
			buffer_append_text(out, "\\n");
		else
			buffer_append_byte(out, *at);
	}
}

static void write_labels(struct buffer *out, const char *const *labels, const char *le)
{
	if (!labels[0] && !le)
		return;
	char before = '{';
	for (; labels[0]; labels += 2) {
		buffer_append_byte(out, before);
		buffer_append_text(out, labels[0]);
		buffer_append_text(out, "=\"");
		escape(out, labels[1]);
		buffer_append_byte(out, '"');
		before = ',';
	}
	if (le)
		buffer_printf(out, "%cle=\"%s\"", before, le);
	buffer_append_byte(out, '}');
}

void exposition_family(struct buffer *out, const char *name, const char *type, const char *help)
{
	buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void exposition_count(struct buffer *out, const char *name, const char *const *labels, uint64_t value)
{
	buffer_append_text(out, name);
	write_labels(out, labels, NULL);
	buffer_printf(out, " %" PRIu64 "\n", value);
}

void exposition_number(struct buffer *out, const char *name, const char *const *labels, double value)
{
	buffer_append_text(out, name);
	write_labels(out, labels, NULL);
	buffer_printf(out, " %.15g\n", value);
}

static void write_bucket(struct buffer *out, const char *name, const char *const *labels, const char *le,
			 uint64_t value)
{
	buffer_printf(out, "%s_bucket", name);
	write_labels(out, labels, le);
	buffer_printf(out, " %" PRIu64 "\n", value);
}

void exposition_histogram(struct buffer *out, const char *name, const char *const *labels,
			  const struct tally_histogram *histogram, const struct tally_scale *scale)
{
	struct tally_sums sums;
	uint64_t below = 0;
	tally_sum(histogram, &sums);
	for (int i = 0; i < scale->bound_count; i++) {
		char le[32];
		snprintf(le, sizeof(le), "%.15g", (double)scale->bounds[i] / scale->units_of_base);
		below += sums.buckets[i];
		write_bucket(out, name, labels, le, below);
	}
	write_bucket(out, name, labels, "+Inf", sums.count);
	buffer_printf(out, "%s_sum", name);
	write_labels(out, labels, NULL);
	buffer_printf(out, " %.15g\n%s_count", (double)sums.sum / scale->units_of_base, name);
	write_labels(out, labels, NULL);
	buffer_printf(out, " %" PRIu64 "\n", sums.count);
}

void exposition_single(struct buffer *out, const char *name, const char *type, const char *help, double value)
{
	exposition_family(out, name, type, help);
	exposition_number(out, name, NO_LABELS, value);
}
