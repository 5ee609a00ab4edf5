#include "base/crypt.h"

#include <sodium.h>
#include <string.h>

bool crypt_start(struct error *err)
{
	if (sodium_init() < 0)
		return error_set(err, ERR_INTERNAL, "libsodium could not start: no source of randomness");
	return true;
}

void crypt_random(void *bytes, size_t size)
{
	randombytes_buf(bytes, size);
}

uint32_t crypt_random_below(uint32_t bound)
{
	return randombytes_uniform(bound);
}

void crypt_uuid(char text[CRYPT_UUID_TEXT_BYTES])
{
	uint8_t b[16];
	do
		crypt_random(b, sizeof(b));
	while (b[5] == 0x10);
	b[6] = (uint8_t)((b[6] & 0x0F) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3F) | 0x80);
	snprintf(text, CRYPT_UUID_TEXT_BYTES,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2],
		 b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

void crypt_random_hex(size_t size, char *text)
{
	for (size_t i = 0; i < size; i++) {
		uint8_t byte;
		crypt_random(&byte, 1);
		crypt_hex_encode(&byte, 1, text + 2 * i);
	}
}

void crypt_secret(char text[CRYPT_SECRET_TEXT_BYTES])
{
	uint8_t bytes[32];
	crypt_random(bytes, sizeof(bytes));
	sodium_bin2base64(text, CRYPT_SECRET_TEXT_BYTES, bytes, sizeof(bytes),
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_memzero(bytes, sizeof(bytes));
}

void crypt_hash(const void *bytes, size_t size, uint8_t out[CRYPT_HASH_BYTES])
{
	crypto_generichash(out, CRYPT_HASH_BYTES, bytes, size, NULL, 0);
}

void crypt_mac(const uint8_t key[32], const void *bytes, size_t size, uint8_t out[CRYPT_HASH_BYTES])
{
	crypto_generichash(out, CRYPT_HASH_BYTES, bytes, size, key, 32);
}

void crypt_sha256(const void *bytes, size_t size, uint8_t out[CRYPT_SHA256_BYTES])
{
	crypto_hash_sha256(out, bytes, size);
}

_Static_assert(sizeof(crypto_hash_sha256_state) <= sizeof(struct crypt_sha256), "the library's state fits");

static crypto_hash_sha256_state *sha256_of(struct crypt_sha256 *hash)
{
	return (crypto_hash_sha256_state *)(void *)hash->state;
}

void crypt_sha256_begin(struct crypt_sha256 *hash)
{
	crypto_hash_sha256_init(sha256_of(hash));
}

void crypt_sha256_add(struct crypt_sha256 *hash, const void *bytes, size_t size)
{
	crypto_hash_sha256_update(sha256_of(hash), bytes, size);
}

void crypt_sha256_end(struct crypt_sha256 *hash, uint8_t out[CRYPT_SHA256_BYTES])
{
	crypto_hash_sha256_final(sha256_of(hash), out);
}

bool crypt_equal(const void *a, const void *b, size_t size)
{
	return sodium_memcmp(a, b, size) == 0;
}

void crypt_key_from_seed(const uint8_t seed[CRYPT_SEED_BYTES], uint8_t public_key[CRYPT_PUBLIC_BYTES])
{
	uint8_t secret[crypto_sign_SECRETKEYBYTES];
	crypto_sign_seed_keypair(public_key, secret, seed);
	sodium_memzero(secret, sizeof(secret));
}

void crypt_sign(const uint8_t seed[CRYPT_SEED_BYTES], const void *bytes, size_t size,
		uint8_t out[CRYPT_SIGNATURE_BYTES])
{
	uint8_t public_key[CRYPT_PUBLIC_BYTES];
	uint8_t secret[crypto_sign_SECRETKEYBYTES];
	crypto_sign_seed_keypair(public_key, secret, seed);
	crypto_sign_detached(out, NULL, bytes, size, secret);
	sodium_memzero(secret, sizeof(secret));
}

bool crypt_verify(const uint8_t public_key[CRYPT_PUBLIC_BYTES], const void *bytes, size_t size,
		  const uint8_t signature[CRYPT_SIGNATURE_BYTES])
{
	return crypto_sign_verify_detached(signature, bytes, size, public_key) == 0;
}

bool crypt_password_hash(const char *password, char text[CRYPT_PASSWORD_TEXT_BYTES], struct error *err)
{
	_Static_assert(CRYPT_PASSWORD_TEXT_BYTES >= crypto_pwhash_STRBYTES,
		       "text must hold libsodium's form");
	if (crypto_pwhash_str_alg(text, password, strlen(password), crypto_pwhash_OPSLIMIT_INTERACTIVE,
				  crypto_pwhash_MEMLIMIT_INTERACTIVE, crypto_pwhash_ALG_ARGON2ID13) != 0)
		return error_set(err, ERR_MEMORY, "not enough memory to hash a password");
	return true;
}

bool crypt_password_matches(const char *password, const char *text)
{
	return crypto_pwhash_str_verify(text, password, strlen(password)) == 0;
}

void crypt_base64_encode(struct buffer *out, const void *bytes, size_t size, bool url)
{
	int variant =
		url ? sodium_base64_VARIANT_URLSAFE_NO_PADDING : sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
	size_t room = sodium_base64_encoded_len(size, variant);
	char *at = buffer_reserve(out, room);
	if (!at)
		return;
	sodium_bin2base64(at, room, bytes, size, variant);
	out->size += room - 1; // the room includes a NUL
}

// libsodium's decoder takes any byte beyond ASCII for a character of the alphabet where char is signed.
static bool is_ascii(const char *text, size_t size)
{
	char all = 0;
	for (size_t i = 0; i < size; i++)
		all |= text[i];
	return ((unsigned char)all & 0x80) == 0;
}

bool crypt_base64_decode(struct buffer *out, const char *text, size_t size, bool url)
{
	if (!is_ascii(text, size))
		return false;
	while (size > 0 && text[size - 1] == '=')
		size--;
	int variant =
		url ? sodium_base64_VARIANT_URLSAFE_NO_PADDING : sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
	size_t room = size / 4 * 3 + 3;
	char *at = buffer_reserve(out, room);
	size_t decoded = 0;
	const char *end = NULL;
	if (!at ||
	    sodium_base642bin((unsigned char *)at, room, text, size, NULL, &decoded, &end, variant) != 0 ||
	    end != text + size)
		return false;
	out->size += decoded;
	return true;
}

void crypt_hex_encode(const void *bytes, size_t size, char *text)
{
	sodium_bin2hex(text, 2 * size + 1, bytes, size);
}

bool crypt_hex_decode(const char *text, void *bytes, size_t size)
{
	size_t decoded = 0;
	const char *end = NULL;
	size_t length = strlen(text);
	return length == 2 * size && sodium_hex2bin(bytes, size, text, length, NULL, &decoded, &end) == 0 &&
	       decoded == size && end == text + length;
}
