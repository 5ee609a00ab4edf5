#include "hrana/baton.h"

#include <string.h>

#include "base/buffer.h"
#include "base/crypt.h"

enum {
	FORM_VERSION = 1,
	CONTENT_BYTES = 26,
	SEAL_BYTES = 16,
	WHOLE_BYTES = CONTENT_BYTES + SEAL_BYTES,
};

_Static_assert(WHOLE_BYTES % 3 == 0 && WHOLE_BYTES / 3 * 4 + 1 == BATON_TEXT_BYTES, "base64 comes out even");

static void put_number(uint8_t *at, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get_number(const uint8_t *at)
{
	uint64_t value = 0;
	for (int i = 0; i < 8; i++)
		value |= (uint64_t)at[i] << (8 * i);
	return value;
}

static void make_seal(const uint8_t content[CONTENT_BYTES], const uint8_t key[32],
		      const struct access_grant *grant, uint8_t seal[CRYPT_HASH_BYTES])
{
	uint8_t sealed[CONTENT_BYTES + CRYPT_UUID_TEXT_BYTES + 8] = {0};
	memcpy(sealed, content, CONTENT_BYTES);
	memcpy(sealed + CONTENT_BYTES, grant->database, strnlen(grant->database, CRYPT_UUID_TEXT_BYTES));
	put_number(sealed + CONTENT_BYTES + CRYPT_UUID_TEXT_BYTES, grant->credential_id);
	crypt_mac(key, sealed, sizeof(sealed), seal);
}

void baton_write(const struct baton *baton, const uint8_t key[32], const struct access_grant *grant,
		 char text[BATON_TEXT_BYTES])
{
	uint8_t whole[CONTENT_BYTES + CRYPT_HASH_BYTES];
	whole[0] = FORM_VERSION;
	whole[1] = (uint8_t)baton->flags;
	put_number(whole + 2, baton->id);
	put_number(whole + 10, baton->sequence);
	put_number(whole + 18, baton->frame_no);
	make_seal(whole, key, grant, whole + CONTENT_BYTES);
	struct buffer out = {.data = text, .capacity = BATON_TEXT_BYTES};
	crypt_base64_encode(&out, whole, WHOLE_BYTES, false);
	ASSERT(out.data == text && out.size == BATON_TEXT_BYTES - 1);
	text[BATON_TEXT_BYTES - 1] = '\0';
}

bool baton_read(const char *text, size_t size, const uint8_t key[32], const struct access_grant *grant,
		struct baton *out)
{
	uint8_t whole[WHOLE_BYTES + 3] = {0}; // the decoder wants a little room beyond the result
	struct buffer bytes = {.data = (char *)whole, .capacity = sizeof(whole)};
	if (size != BATON_TEXT_BYTES - 1 || !crypt_base64_decode(&bytes, text, size, false))
		return false;
	uint8_t seal[CRYPT_HASH_BYTES];
	make_seal(whole, key, grant, seal);
	if (bytes.size != WHOLE_BYTES || !crypt_equal(seal, whole + CONTENT_BYTES, SEAL_BYTES) ||
	    whole[0] != FORM_VERSION)
		return false;
	*out = (struct baton){
		.flags = whole[1],
		.id = get_number(whole + 2),
		.sequence = get_number(whole + 10),
		.frame_no = get_number(whole + 18),
	};
	return true;
}
