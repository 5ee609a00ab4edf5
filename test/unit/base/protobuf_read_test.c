#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/attributes.h"
#include "base/protobuf_read.h"

static void reads_fields_of_all_types(void **state)
{
	static const char message[] = "\x08\x96\x01" // 1: 150
				      "\x12\x03"
				      "abc"                       // 2: "abc"
				      "\x19\1\0\0\0\0\0\0\x80"    // 3: fixed64
				      "\x25\2\0\0\0"              // 4: fixed32
				      "\x2A\0"                    // 5: ""
				      "\xF8\xFF\xFF\xFF\x0F\x07"; // the greatest number
	struct protobuf_reader reader = protobuf_read(message, sizeof(message) - 1);
	struct protobuf_field field;
	assert_true(protobuf_read_next(&reader, &field));
	assert_int_equal(field.type, PROTOBUF_VARINT);
	assert_int_equal(field.integer, 150);
	assert_true(protobuf_read_next(&reader, &field));
	assert_int_equal(field.type, PROTOBUF_BYTES);
	assert_int_equal(field.size, 3);
	assert_memory_equal(field.bytes, "abc", 3);
	assert_true(protobuf_read_next(&reader, &field));
	assert_true(field.integer == 0x8000000000000001u);
	assert_true(protobuf_read_next(&reader, &field));
	assert_int_equal(field.integer, 2);
	assert_true(protobuf_read_next(&reader, &field));
	assert_int_equal(field.size, 0);
	assert_true(protobuf_read_next(&reader, &field));
	assert_int_equal(field.number, (1 << 29) - 1);
	assert_int_equal(field.integer, 7);
	assert_false(protobuf_read_next(&reader, &field));
	assert_false(reader.broken);
}

static void an_empty_message_has_no_fields(void **state)
{
	struct protobuf_reader reader = protobuf_read("", 0);
	struct protobuf_field field;
	assert_false(protobuf_read_next(&reader, &field));
	assert_false(reader.broken);
}

static void refuses_what_is_no_message(void **state)
{
#define BYTES(literal)                                                                                       \
	{                                                                                                    \
		literal, sizeof(literal) - 1                                                                 \
	}
	static const struct {
		const char *bytes;
		size_t size;
	} cases[] = {
		BYTES("\x08"),                                         // no value
		BYTES("\x80"),                                         // half a key
		BYTES("\x00\x01"),                                     // number 0
		BYTES("\x12\x02x"),                                    // shorter than it says
		BYTES("\x12\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"), // far shorter
		BYTES("\x19\1\2\3\4\5\6\7"),                           // half a number
		BYTES("\x25\1\2\3"),                                   //
		BYTES("\x0B\x0C"),                                     // a group
		BYTES("\x0E\x01"),
		BYTES("\x0F\x01"),                                     // no such type
		BYTES("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02"), // over 64 bits
		BYTES("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"),
		BYTES("\x80\x80\x80\x80\x10\x01"), // number over 29 bits
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct protobuf_reader reader = protobuf_read(cases[i].bytes, cases[i].size);
		struct protobuf_field field;
		assert_false(protobuf_read_next(&reader, &field));
		assert_true(reader.broken);
		assert_false(protobuf_read_next(&reader, &field));
	}
}

static void counts_the_messages_of_a_number(void **state)
{
	static const char message[] = "\x0A\x01x\x0A\0\x12\0\x08\x05\x0A\0";
	assert_int_equal(protobuf_read_count(message, sizeof(message) - 1, 1), 3);
	assert_int_equal(protobuf_read_count(message, sizeof(message) - 1, 2), 1);
	assert_int_equal(protobuf_read_count(message, sizeof(message) - 1, 3), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_fields_of_all_types),
		cmocka_unit_test(an_empty_message_has_no_fields),
		cmocka_unit_test(refuses_what_is_no_message),
		cmocka_unit_test(counts_the_messages_of_a_number),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
