#include "platform/jwt.h"

#include <string.h>

enum { JSON_DEPTH_MAX = 8 };

void jwt_write(const uint8_t seed[CRYPT_SEED_BYTES], const struct buffer *claims, struct buffer *out)
{
	static const char header[] = "{\"alg\":\"EdDSA\",\"typ\":\"JWT\"}";
	uint8_t signature[CRYPT_SIGNATURE_BYTES];
	size_t start = out->size;
	crypt_base64_encode(out, header, sizeof(header) - 1, true);
	buffer_append_byte(out, '.');
	crypt_base64_encode(out, claims->data, claims->size, true);
	crypt_sign(seed, out->data + start, out->size - start, signature);
	buffer_append_byte(out, '.');
	crypt_base64_encode(out, signature, sizeof(signature), true);
}

// A base64url part that holds a JSON object; NULL if it does not.
static struct json *read_object(const char *text, size_t size)
{
	OWNED(buffer) struct buffer decoded = {0};
	struct json *object;
	struct error ignored;
	if (!crypt_base64_decode(&decoded, text, size, true) ||
	    !json_read_parse(buffer_text(&decoded), decoded.size, JSON_READ_UNIQUE_KEYS, JSON_DEPTH_MAX,
			     &object, &ignored))
		return NULL;
	if (json_read_kind(object) == JSON_KIND_OBJECT)
		return object;
	json_read_free(object);
	return NULL;
}

static bool header_is_ours(const char *text, size_t size)
{
	OWNED(json_root) struct json *header = read_object(text, size);
	const struct json *algorithm = header ? json_read_get(header, "alg") : NULL;
	const char *name = algorithm ? json_read_text(algorithm, NULL) : NULL;
	return name && strcmp(name, "EdDSA") == 0;
}

static bool read_signature(const char *text, size_t size, uint8_t out[CRYPT_SIGNATURE_BYTES])
{
	OWNED(buffer) struct buffer decoded = {0};
	if (!crypt_base64_decode(&decoded, text, size, true) || decoded.size != CRYPT_SIGNATURE_BYTES)
		return false;
	memcpy(out, decoded.data, CRYPT_SIGNATURE_BYTES);
	return true;
}

bool jwt_read(const char *text, struct jwt *out)
{
	size_t size = strnlen(text, JWT_BYTES_MAX + 1);
	const char *first = memchr(text, '.', size);
	const char *second = first ? memchr(first + 1, '.', size - (size_t)(first + 1 - text)) : NULL;
	if (size > JWT_BYTES_MAX || !second)
		return false;
	struct jwt jwt = {.text = text, .signed_size = (size_t)(second - text)};
	if (!header_is_ours(text, (size_t)(first - text)) ||
	    !read_signature(second + 1, size - jwt.signed_size - 1, jwt.signature))
		return false;
	jwt.claims = read_object(first + 1, (size_t)(second - first - 1));
	if (!jwt.claims)
		return false;
	*out = jwt;
	return true;
}

bool jwt_is_signed_by(const struct jwt *jwt, const uint8_t public_key[CRYPT_PUBLIC_BYTES])
{
	return crypt_verify(public_key, jwt->text, jwt->signed_size, jwt->signature);
}

void jwt_cleanup(struct jwt *jwt)
{
	json_read_free(jwt->claims);
	jwt->claims = NULL;
}
