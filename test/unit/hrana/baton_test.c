#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "hrana/baton.h"

static const uint8_t key[32] = "key of the tests, 32 bytes long";
static const struct access_grant grant = {.database = "0190a1b2-0000-4000-8000-000000000001",
					  .credential_id = 7};
static const struct baton sample = {
	.flags = BATON_TRANSACTION | BATON_STORED_SQL,
	.id = 0xFEDCBA9876543210u,
	.sequence = 41,
	.frame_no = 1234567890123,
};

static void reads_what_was_written(void **state)
{
	char text[BATON_TEXT_BYTES];
	baton_write(&sample, key, &grant, text);
	assert_int_equal(strlen(text), BATON_TEXT_BYTES - 1);
	struct baton found;
	assert_true(baton_read(text, strlen(text), key, &grant, &found));
	assert_int_equal(found.flags, sample.flags);
	assert_true(found.id == sample.id && found.sequence == sample.sequence &&
		    found.frame_no == sample.frame_no);
}

static void refuses_every_changed_character(void **state)
{
	char text[BATON_TEXT_BYTES];
	baton_write(&sample, key, &grant, text);
	struct baton found;
	for (size_t i = 0; i < BATON_TEXT_BYTES - 1; i++) {
		char kept = text[i];
		text[i] = kept == 'A' ? 'B' : 'A';
		assert_false(baton_read(text, BATON_TEXT_BYTES - 1, key, &grant, &found));
		text[i] = kept;
	}
	assert_true(baton_read(text, BATON_TEXT_BYTES - 1, key, &grant, &found));
}

static void refuses_other_sizes_and_alphabets(void **state)
{
	char text[BATON_TEXT_BYTES + 4] = {0};
	baton_write(&sample, key, &grant, text);
	struct baton found;
	assert_false(baton_read("", 0, key, &grant, &found));
	assert_false(baton_read(text, BATON_TEXT_BYTES - 2, key, &grant, &found));
	assert_false(baton_read(text, BATON_TEXT_BYTES, key, &grant, &found));
	memset(text, '=', BATON_TEXT_BYTES - 1);
	assert_false(baton_read(text, BATON_TEXT_BYTES - 1, key, &grant, &found));
	memset(text, '-', BATON_TEXT_BYTES - 1);
	assert_false(baton_read(text, BATON_TEXT_BYTES - 1, key, &grant, &found));
}

static void is_bound_to_key_database_and_credential(void **state)
{
	char text[BATON_TEXT_BYTES];
	baton_write(&sample, key, &grant, text);
	struct baton found;
	uint8_t other_key[32] = "another key";
	assert_false(baton_read(text, BATON_TEXT_BYTES - 1, other_key, &grant, &found));
	struct access_grant other = grant;
	other.credential_id = 8;
	assert_false(baton_read(text, BATON_TEXT_BYTES - 1, key, &other, &found));
	other = grant;
	other.database[35] = '2';
	assert_false(baton_read(text, BATON_TEXT_BYTES - 1, key, &other, &found));
	// The instance through which it comes does not matter: a stream belongs to the database.
	other = grant;
	memset(other.instance, 'a', 36);
	assert_true(baton_read(text, BATON_TEXT_BYTES - 1, key, &other, &found));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_was_written),
		cmocka_unit_test(refuses_every_changed_character),
		cmocka_unit_test(refuses_other_sizes_and_alphabets),
		cmocka_unit_test(is_bound_to_key_database_and_credential),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
