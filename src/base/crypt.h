/// crypt: random bytes, ids, hashes, signatures and the text forms they take. Everything rests on libsodium.
///
/// Threads: all functions may be called from any thread after crypt_start.
#ifndef ATOLL_BASE_CRYPT_H
#define ATOLL_BASE_CRYPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"

enum {
	CRYPT_HASH_BYTES = 32,
	CRYPT_SEED_BYTES = 32,       // an Ed25519 private key in its short form
	CRYPT_PUBLIC_BYTES = 32,     // an Ed25519 public key
	CRYPT_SIGNATURE_BYTES = 64,  //
	CRYPT_UUID_TEXT_BYTES = 37,  // 36 characters and NUL
	CRYPT_SECRET_TEXT_BYTES = 44 // 43 characters and NUL
};

/// Once, before anything else here. False when the system has no randomness.
MUST_USE bool crypt_start(struct error *err);

void crypt_random(void *bytes, size_t size);
uint32_t crypt_random_below(uint32_t bound);

/// A random (version 4) UUID, lower-case; byte 5 is never 0x10 (spec/platform-api.md §1.7).
void crypt_uuid(char text[CRYPT_UUID_TEXT_BYTES]);
/// Lower-case hex of `size` random bytes; text holds 2*size+1.
void crypt_random_hex(size_t size, char *text);
/// 32 random bytes in base64url without padding: 43 characters.
void crypt_secret(char text[CRYPT_SECRET_TEXT_BYTES]);

/// BLAKE2b-256. crypt_mac is keyed with 32 bytes.
void crypt_hash(const void *bytes, size_t size, uint8_t out[CRYPT_HASH_BYTES]);
void crypt_mac(const uint8_t key[32], const void *bytes, size_t size, uint8_t out[CRYPT_HASH_BYTES]);
/// SHA-256, where a protocol wants it.
enum { CRYPT_SHA256_BYTES = 32 };
void crypt_sha256(const void *bytes, size_t size, uint8_t out[CRYPT_SHA256_BYTES]);
/// The same in pieces: begin, add as often as there is something, end.
struct crypt_sha256 {
	_Alignas(16) unsigned char state[128]; // the library's own
};
void crypt_sha256_begin(struct crypt_sha256 *hash);
void crypt_sha256_add(struct crypt_sha256 *hash, const void *bytes, size_t size);
void crypt_sha256_end(struct crypt_sha256 *hash, uint8_t out[CRYPT_SHA256_BYTES]);
/// Constant-time comparison.
bool crypt_equal(const void *a, const void *b, size_t size);

/// Ed25519. The seed is the private key; the public key follows from it.
void crypt_key_from_seed(const uint8_t seed[CRYPT_SEED_BYTES], uint8_t public_key[CRYPT_PUBLIC_BYTES]);
void crypt_sign(const uint8_t seed[CRYPT_SEED_BYTES], const void *bytes, size_t size,
		uint8_t out[CRYPT_SIGNATURE_BYTES]);
bool crypt_verify(const uint8_t public_key[CRYPT_PUBLIC_BYTES], const void *bytes, size_t size,
		  const uint8_t signature[CRYPT_SIGNATURE_BYTES]);

/// argon2id for passwords that people choose. Slow on purpose (about 50 ms): never on a network thread.
enum { CRYPT_PASSWORD_TEXT_BYTES = 128 };
MUST_USE bool crypt_password_hash(const char *password, char text[CRYPT_PASSWORD_TEXT_BYTES],
				  struct error *err);
bool crypt_password_matches(const char *password, const char *text);

/// Base64 without padding: standard alphabet (false) or URL alphabet (true).
void crypt_base64_encode(struct buffer *out, const void *bytes, size_t size, bool url);
/// Appends the decoded bytes; padding is accepted. False on any character outside the alphabet; out is then
/// unchanged.
bool crypt_base64_decode(struct buffer *out, const char *text, size_t size, bool url);

void crypt_hex_encode(const void *bytes, size_t size, char *text);
/// Exactly `size` bytes from 2*size hex digits; false otherwise.
bool crypt_hex_decode(const char *text, void *bytes, size_t size);

#endif
