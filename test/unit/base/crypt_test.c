#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/crypt.h"

static void makes_uuids_that_are_no_clocks(void **state)
{
	char last[CRYPT_UUID_TEXT_BYTES] = "";
	for (int i = 0; i < 1000; i++) {
		char uuid[CRYPT_UUID_TEXT_BYTES];
		crypt_uuid(uuid);
		assert_int_equal(strlen(uuid), 36);
		assert_int_equal(strspn(uuid, "0123456789abcdef-"), 36);
		assert_int_equal(uuid[14], '4');
		assert_non_null(strchr("89ab", uuid[19]));
		assert_memory_not_equal(uuid + 11, "10",
					2); // byte 5: the command line takes 0x10 for another kind
		assert_string_not_equal(uuid, last);
		memcpy(last, uuid, sizeof(last));
	}
}

static void random_numbers_stay_below_their_bound(void **state)
{
	bool seen[7] = {false};
	for (int i = 0; i < 2000; i++) {
		uint32_t number = crypt_random_below(7);
		assert_true(number < 7);
		seen[number] = true;
	}
	for (int i = 0; i < 7; i++)
		assert_true(seen[i]);
	assert_int_equal(crypt_random_below(1), 0);
}

static void secrets_are_43_characters_that_need_no_escape(void **state)
{
	char one[CRYPT_SECRET_TEXT_BYTES];
	char two[CRYPT_SECRET_TEXT_BYTES];
	crypt_secret(one);
	crypt_secret(two);
	assert_int_equal(strlen(one), 43);
	assert_int_equal(strspn(one, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 43);
	assert_string_not_equal(one, two);
}

// BLAKE2b-256 of the empty text and of "abc".
static void hashes_as_published(void **state)
{
	uint8_t hash[CRYPT_HASH_BYTES];
	char hex[2 * CRYPT_HASH_BYTES + 1];
	crypt_hash("", 0, hash);
	crypt_hex_encode(hash, sizeof(hash), hex);
	assert_string_equal(hex, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
	crypt_hash("abc", 3, hash);
	crypt_hex_encode(hash, sizeof(hash), hex);
	assert_string_equal(hex, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

static void a_mac_depends_on_key_and_text(void **state)
{
	const uint8_t key[32] = {1};
	const uint8_t other_key[32] = {2};
	uint8_t mac[CRYPT_HASH_BYTES];
	uint8_t other[CRYPT_HASH_BYTES];
	crypt_mac(key, "text", 4, mac);
	crypt_mac(other_key, "text", 4, other);
	assert_false(crypt_equal(mac, other, sizeof(mac)));
	crypt_mac(key, "texu", 4, other);
	assert_false(crypt_equal(mac, other, sizeof(mac)));
	crypt_mac(key, "text", 4, other);
	assert_true(crypt_equal(mac, other, sizeof(mac)));
}

// RFC 8032 §7.1, test 2.
static void signs_as_the_standard_says(void **state)
{
	uint8_t seed[CRYPT_SEED_BYTES];
	uint8_t public_key[CRYPT_PUBLIC_BYTES];
	uint8_t signature[CRYPT_SIGNATURE_BYTES];
	char hex[2 * CRYPT_SIGNATURE_BYTES + 1];
	assert_true(crypt_hex_decode("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", seed,
				     32));
	crypt_key_from_seed(seed, public_key);
	crypt_hex_encode(public_key, sizeof(public_key), hex);
	assert_string_equal(hex, "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
	crypt_sign(seed, "\x72", 1, signature);
	crypt_hex_encode(signature, sizeof(signature), hex);
	assert_string_equal(hex, "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
				 "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
	assert_true(crypt_verify(public_key, "\x72", 1, signature));
	assert_false(crypt_verify(public_key, "\x73", 1, signature));
	signature[0] ^= 1;
	assert_false(crypt_verify(public_key, "\x72", 1, signature));
}

static void passwords_match_only_themselves(void **state)
{
	char text[CRYPT_PASSWORD_TEXT_BYTES];
	struct error err;
	assert_true(crypt_password_hash("correct horse", text, &err));
	assert_true(crypt_password_matches("correct horse", text));
	assert_false(crypt_password_matches("correct horsf", text));
	assert_false(crypt_password_matches("correct horse", "nonsense"));
}

static void base64_goes_there_and_back(void **state)
{
	const struct {
		const char *bytes;
		size_t size;
		const char *text;
		bool url;
	} rows[] = {
		{"", 0, "", false},        {"f", 1, "Zg", false},         {"fo", 2, "Zm8", false},
		{"foo", 3, "Zm9v", false}, {"\xfb\xff", 2, "+/8", false}, {"\xfb\xff", 2, "-_8", true},
		{"\0\0", 2, "AAA", false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		OWNED(buffer) struct buffer text = {0};
		OWNED(buffer) struct buffer bytes = {0};
		crypt_base64_encode(&text, rows[i].bytes, rows[i].size, rows[i].url);
		assert_string_equal(buffer_text(&text), rows[i].text);
		assert_true(crypt_base64_decode(&bytes, text.data, text.size, rows[i].url));
		assert_int_equal(bytes.size, rows[i].size);
		assert_memory_equal(buffer_text(&bytes), rows[i].bytes, rows[i].size);
	}
	OWNED(buffer) struct buffer padded = {0};
	assert_true(crypt_base64_decode(&padded, "Zg==", 4, false));
	assert_string_equal(buffer_text(&padded), "f");
}

static void bad_base64_leaves_the_buffer_alone(void **state)
{
	const char *bad[] = {"Z", "Zg=a", "Z g", "+/8", "\xff\xff", "\xff\xff\xff\xff", "Zm9\xaf"};
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		OWNED(buffer) struct buffer out = {0};
		buffer_append_text(&out, "before");
		print_message("%s\n", bad[i]);
		assert_false(crypt_base64_decode(&out, bad[i], strlen(bad[i]), true));
		assert_string_equal(buffer_text(&out), "before");
	}
}

static void hex_is_decoded_exactly(void **state)
{
	uint8_t bytes[2];
	assert_true(crypt_hex_decode("00fF", bytes, 2));
	assert_int_equal(bytes[0], 0);
	assert_int_equal(bytes[1], 255);
	assert_false(crypt_hex_decode("00f", bytes, 2));
	assert_false(crypt_hex_decode("00fg", bytes, 2));
	assert_false(crypt_hex_decode("00ff0", bytes, 2));
	assert_false(crypt_hex_decode("", bytes, 2));
}

static int set_up(void **state)
{
	struct error err;
	return crypt_start(&err) ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_uuids_that_are_no_clocks),
		cmocka_unit_test(random_numbers_stay_below_their_bound),
		cmocka_unit_test(secrets_are_43_characters_that_need_no_escape),
		cmocka_unit_test(hashes_as_published),
		cmocka_unit_test(a_mac_depends_on_key_and_text),
		cmocka_unit_test(signs_as_the_standard_says),
		cmocka_unit_test(passwords_match_only_themselves),
		cmocka_unit_test(base64_goes_there_and_back),
		cmocka_unit_test(bad_base64_leaves_the_buffer_alone),
		cmocka_unit_test(hex_is_decoded_exactly),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
