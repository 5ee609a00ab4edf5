#include "log/marks.h"

#include <stdlib.h>

#include "base/attributes.h"

enum { STEP_BYTES = 64 * 1024, ITEMS_MIN = 16 };

void marks_note(struct log_marks *marks, const struct log_mark *mark)
{
	if (marks->count > 0 && mark->offset < marks->items[marks->count - 1].offset + STEP_BYTES)
		return;
	if (marks->count == marks->capacity) {
		size_t capacity = marks->capacity ? 2 * marks->capacity : ITEMS_MIN;
		struct log_mark *grown = realloc(marks->items, capacity * sizeof(*grown));
		ASSERT(grown != NULL);
		marks->items = grown;
		marks->capacity = capacity;
	}
	marks->items[marks->count++] = *mark;
}

bool marks_find(const struct log_marks *marks, uint64_t frame_no, struct log_mark *out)
{
	size_t low = 0;
	size_t high = marks->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (marks->items[middle].frame_no > frame_no)
			high = middle;
		else
			low = middle + 1;
	}
	if (low > 0)
		*out = marks->items[low - 1];
	return low > 0;
}

void marks_clear(struct log_marks *marks)
{
	marks->count = 0;
}

void marks_free(struct log_marks *marks)
{
	free(marks->items);
	*marks = (struct log_marks){0};
}
