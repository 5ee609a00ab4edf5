#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "platform/jwt.h"

// RFC 8037, appendix A: its key signs its text.
static const char rfc_seed[] = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";

static int start(void **state)
{
	struct error err;
	return crypt_start(&err) ? 0 : -1;
}

static void token_of(struct buffer *out, const char *header, const char *claims,
		     const uint8_t seed[CRYPT_SEED_BYTES])
{
	uint8_t signature[CRYPT_SIGNATURE_BYTES];
	crypt_base64_encode(out, header, strlen(header), true);
	buffer_append_byte(out, '.');
	crypt_base64_encode(out, claims, strlen(claims), true);
	crypt_sign(seed, out->data, out->size, signature);
	buffer_append_byte(out, '.');
	crypt_base64_encode(out, signature, sizeof(signature), true);
}

static bool reads(const char *header, const char *claims)
{
	OWNED(buffer) struct buffer token = {0};
	uint8_t seed[CRYPT_SEED_BYTES] = {1};
	struct jwt jwt;
	token_of(&token, header, claims, seed);
	bool ok = jwt_read(buffer_text(&token), &jwt);
	if (ok)
		jwt_cleanup(&jwt);
	return ok;
}

static void signs_as_the_rfc_does(void **state)
{
	static const char text[] = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
	static const char expected[] =
		"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
	OWNED(buffer) struct buffer encoded = {0};
	uint8_t seed[CRYPT_SEED_BYTES];
	uint8_t signature[CRYPT_SIGNATURE_BYTES];
	assert_true(crypt_hex_decode(rfc_seed, seed, sizeof(seed)));
	crypt_sign(seed, text, sizeof(text) - 1, signature);
	crypt_base64_encode(&encoded, signature, sizeof(signature), true);
	assert_string_equal(buffer_text(&encoded), expected);
}

static void what_was_written_is_read_again(void **state)
{
	OWNED(buffer) struct buffer claims = {0};
	OWNED(buffer) struct buffer token = {0};
	uint8_t seed[CRYPT_SEED_BYTES] = {7};
	uint8_t public_key[CRYPT_PUBLIC_BYTES];
	uint8_t other_key[CRYPT_PUBLIC_BYTES];
	struct jwt jwt;
	crypt_key_from_seed(seed, public_key);
	seed[0] = 8;
	crypt_key_from_seed(seed, other_key);
	seed[0] = 7;
	buffer_append_text(&claims, "{\"a\":\"rw\"}");
	jwt_write(seed, &claims, &token);
	assert_true(jwt_read(buffer_text(&token), &jwt));
	assert_string_equal(json_read_text(json_read_get(jwt.claims, "a"), NULL), "rw");
	assert_true(jwt_is_signed_by(&jwt, public_key));
	assert_false(jwt_is_signed_by(&jwt, other_key));
	jwt_cleanup(&jwt);

	// Any changed byte of header or claims breaks the signature or the form.
	for (size_t i = 0; token.data[i]; i++) {
		char kept = token.data[i];
		token.data[i] = kept == 'A' ? 'B' : 'A';
		bool last_of_signature = token.data[i + 1] == '\0';
		if (jwt_read(token.data, &jwt)) {
			// The last character of a signature holds bits that belong to no byte.
			if (!last_of_signature)
				assert_false(jwt_is_signed_by(&jwt, public_key));
			jwt_cleanup(&jwt);
		}
		token.data[i] = kept;
	}
}

static void other_algorithms_are_refused(void **state)
{
	assert_true(reads("{\"alg\":\"EdDSA\"}", "{}"));
	assert_true(reads("{\"alg\":\"EdDSA\",\"typ\":\"JWT\",\"kid\":\"x\"}", "{}"));
	assert_false(reads("{\"alg\":\"none\"}", "{}"));
	assert_false(reads("{\"alg\":\"HS256\"}", "{}"));
	assert_false(reads("{\"alg\":\"RS256\"}", "{}"));
	assert_false(reads("{\"alg\":\"eddsa\"}", "{}"));
	assert_false(reads("{\"alg\":[\"EdDSA\"]}", "{}"));
	assert_false(reads("{\"typ\":\"JWT\"}", "{}"));
	assert_false(reads("{\"alg\":\"none\",\"alg\":\"EdDSA\"}", "{}"));
}

static void malformed_texts_are_refused(void **state)
{
	static const char *const rows[] = {"", ".", "..", "...", "a.b.c", "e30.e30.e30", "no dots at all"};
	struct jwt jwt;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		assert_false(jwt_read(rows[i], &jwt));
	assert_false(reads("{\"alg\":\"EdDSA\"}", "[]"));
	assert_false(reads("{\"alg\":\"EdDSA\"}", "7"));
	assert_false(reads("{\"alg\":\"EdDSA\"}", "{"));
	assert_false(reads("{\"alg\":\"EdDSA\"}", "{\"a\":1,\"a\":2}"));
	assert_false(reads("[]", "{}"));

	char long_text[JWT_BYTES_MAX + 2];
	memset(long_text, 'A', sizeof(long_text));
	long_text[10] = long_text[20] = '.';
	long_text[sizeof(long_text) - 1] = '\0';
	assert_false(jwt_read(long_text, &jwt));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signs_as_the_rfc_does),
		cmocka_unit_test(what_was_written_is_read_again),
		cmocka_unit_test(other_algorithms_are_refused),
		cmocka_unit_test(malformed_texts_are_refused),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
