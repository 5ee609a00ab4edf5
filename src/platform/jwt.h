/// jwt: tokens signed with Ed25519 (RFC 7519, RFC 8037), in compact form. No other algorithm exists here.
#ifndef ATOLL_PLATFORM_JWT_H
#define ATOLL_PLATFORM_JWT_H

#include "base/buffer.h"
#include "base/crypt.h"
#include "base/json_read.h"

enum { JWT_BYTES_MAX = 4096 };

/// Appends the token for `claims`, a JSON object.
void jwt_write(const uint8_t seed[CRYPT_SEED_BYTES], const struct buffer *claims, struct buffer *out);

/// A token taken apart. Nothing of it is true before jwt_is_signed_by says so. Borrows the text.
struct jwt {
	const char *text;
	size_t signed_size; // header and claims
	uint8_t signature[CRYPT_SIGNATURE_BYTES];
	struct json *claims; // an object
};

/// False when the text is malformed, too long, or of another algorithm. Release with jwt_cleanup.
bool jwt_read(const char *text, struct jwt *out);
bool jwt_is_signed_by(const struct jwt *jwt, const uint8_t public_key[CRYPT_PUBLIC_BYTES]);
void jwt_cleanup(struct jwt *jwt);

#endif
