#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

size_t utf8_sequence_length(const unsigned char *s, size_t left)
{
	if (s[0] >= 0xC2 && s[0] <= 0xDF)
		return left >= 2 && (s[1] & 0xC0) == 0x80 ? 2 : 0;
	if (s[0] >= 0xE0 && s[0] <= 0xEF) {
		if (left < 3 || (s[1] & 0xC0) != 0x80 || (s[2] & 0xC0) != 0x80)
			return 0;
		bool overlong = s[0] == 0xE0 && s[1] < 0xA0;
		bool surrogate = s[0] == 0xED && s[1] >= 0xA0;
		return overlong || surrogate ? 0 : 3;
	}
	if (s[0] >= 0xF0 && s[0] <= 0xF4) {
		if (left < 4 || (s[1] & 0xC0) != 0x80 || (s[2] & 0xC0) != 0x80 || (s[3] & 0xC0) != 0x80)
			return 0;
		bool overlong = s[0] == 0xF0 && s[1] < 0x90;
		bool beyond = s[0] == 0xF4 && s[1] >= 0x90;
		return overlong || beyond ? 0 : 4;
	}
	return 0;
}

// The place of the first byte that is no text, from `at` on; `size` if there is none.
static size_t find_invalid(const unsigned char *s, size_t at, size_t size)
{
	while (at < size) {
		uint64_t eight;
		if (size - at >= sizeof(eight)) {
			memcpy(&eight, s + at, sizeof(eight));
			if (!(eight & 0x8080808080808080u)) {
				at += sizeof(eight);
				continue;
			}
		}
		size_t length = s[at] < 0x80 ? 1 : utf8_sequence_length(s + at, size - at);
		if (length == 0)
			return at;
		at += length;
	}
	return size;
}

bool utf8_is_valid(const char *text, size_t size)
{
	return find_invalid((const unsigned char *)text, 0, size) == size;
}

void utf8_append_mended(struct buffer *out, const char *text, size_t size)
{
	size_t begin = 0;
	while (begin < size) {
		size_t end = find_invalid((const unsigned char *)text, begin, size);
		buffer_append(out, text + begin, end - begin);
		if (end == size)
			return;
		buffer_append(out, "\xEF\xBF\xBD", 3);
		begin = end + 1;
	}
}
