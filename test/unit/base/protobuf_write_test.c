// The bytes expected are those of the encoding's own documents.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/protobuf_write.h"

#define ASSERT_BYTES(buffer, literal)                                                                        \
	do {                                                                                                 \
		assert_int_equal((buffer)->size, sizeof(literal) - 1);                                       \
		assert_memory_equal((buffer)->data, literal, sizeof(literal) - 1);                           \
	} while (0)

static void writes_fields(void **state)
{
	OWNED(buffer) struct buffer out = {0};
	protobuf_write_integer(&out, 1, 150);
	ASSERT_BYTES(&out, "\x08\x96\x01");
	buffer_truncate(&out, 0);
	protobuf_write_text(&out, 2, "testing");
	ASSERT_BYTES(&out, "\x12\x07testing");
	buffer_truncate(&out, 0);
	protobuf_write_text(&out, 2, NULL);
	assert_int_equal(out.size, 0);
	protobuf_write_text(&out, 2, "a\xFF");
	ASSERT_BYTES(&out, "\x12\x04"
			   "a\xEF\xBF\xBD");
	buffer_truncate(&out, 0);
	protobuf_write_real(&out, 3, 1.0);
	ASSERT_BYTES(&out, "\x19\0\0\0\0\0\0\xF0\x3F");
	buffer_truncate(&out, 0);
	protobuf_write_integer(&out, 1, (uint64_t)(int64_t)-1);
	ASSERT_BYTES(&out, "\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01");
}

static void folds_signs(void **state)
{
	static const struct {
		int64_t value;
		uint64_t folded;
	} cases[] = {{0, 0}, {-1, 1}, {1, 2}, {-2, 3}, {INT64_MAX, UINT64_MAX - 1}, {INT64_MIN, UINT64_MAX}};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		assert_true(protobuf_zigzag(cases[i].value) == cases[i].folded);
		assert_true(protobuf_unzigzag(cases[i].folded) == cases[i].value);
	}
}

static void knows_the_size_of_varints(void **state)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		for (uint64_t less = 0; less < 2; less++) {
			OWNED(buffer) struct buffer out = {0};
			uint64_t value = ((uint64_t)1 << bit) - less;
			protobuf_write_varint(&out, value);
			assert_int_equal(out.size, protobuf_varint_size(value));
		}
	}
}

// Around each size at which the length takes a byte more.
static void nests_messages(void **state)
{
	static const size_t sizes[] = {0, 1, 127, 128, 16383, 16384, 100000, 2097151, 2097152};
	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
		OWNED(buffer) struct buffer out = {0};
		buffer_append_text(&out, "before");
		size_t outer = protobuf_begin(&out, 1);
		size_t inner = protobuf_begin(&out, 2);
		for (size_t n = 0; n < sizes[i]; n++)
			buffer_append_byte(&out, (char)('a' + n % 26));
		protobuf_end(&out, inner);
		protobuf_write_integer(&out, 3, 7);
		protobuf_end(&out, outer);

		struct protobuf_reader reader = protobuf_read(out.data + 6, out.size - 6);
		struct protobuf_field field;
		assert_true(protobuf_read_next(&reader, &field));
		assert_int_equal(field.number, 1);
		assert_true(reader.at == reader.end);
		reader = protobuf_read(field.bytes, field.size);
		assert_true(protobuf_read_next(&reader, &field));
		assert_int_equal(field.number, 2);
		assert_int_equal(field.size, sizes[i]);
		for (size_t n = 0; n < sizes[i]; n += 997)
			assert_int_equal(field.bytes[n], 'a' + n % 26);
		assert_true(protobuf_read_next(&reader, &field));
		assert_int_equal(field.integer, 7);
		assert_false(protobuf_read_next(&reader, &field));
		assert_false(reader.broken);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_fields),
		cmocka_unit_test(folds_signs),
		cmocka_unit_test(knows_the_size_of_varints),
		cmocka_unit_test(nests_messages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
