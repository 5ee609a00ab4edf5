// Batons as clients send them back: whatever the text, only what this server sealed is read, and it is read as it was
// written. The seal's key cannot be guessed, so each input is also taken for a baton's content, sealed, and damaged.

#include <string.h>

#include "base/buffer.h"
#include "base/crypt.h"
#include "hrana/baton.h"

#include "fuzz/fuzz.h"

static const uint8_t key[32] = "key of the fuzzer, 32 bytes long";
static const uint8_t other_key[32] = "another key of a fuzzer, as long";
static const struct access_grant grant = {.database = "0190a1b2-0000-4000-8000-000000000001",
					  .credential_id = 7};
static const struct access_grant other_grant = {.database = "0190a1b2-0000-4000-8000-000000000001",
						.credential_id = 8};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	struct error err;
	ASSERT(crypt_start(&err));
	return 0;
}

static bool same(const struct baton *a, const struct baton *b)
{
	return a->flags == b->flags && a->id == b->id && a->sequence == b->sequence &&
	       a->frame_no == b->frame_no;
}

// Read at the end of memory of exactly this size. What is taken must be the only spelling of what it says.
static void read_text(const uint8_t *data, size_t size)
{
	OWNED(text) char *copy = malloc(size ? size : 1);
	if (size > 0)
		memcpy(copy, data, size);
	struct baton found;
	char again[BATON_TEXT_BYTES];
	if (baton_read(copy, size, key, &grant, &found)) {
		baton_write(&found, key, &grant, again);
		ASSERT(size == BATON_TEXT_BYTES - 1 && memcmp(copy, again, size) == 0);
	}
}

static void seal_and_damage(const uint8_t *data, size_t size)
{
	uint8_t content[27] = {0}; // flags, three numbers, where to damage, by what
	memcpy(content, data, size < sizeof(content) ? size : sizeof(content));
	struct baton baton = {.flags = content[0]};
	memcpy(&baton.id, content + 1, 8);
	memcpy(&baton.sequence, content + 9, 8);
	memcpy(&baton.frame_no, content + 17, 8);
	char text[BATON_TEXT_BYTES];
	struct baton found;
	baton_write(&baton, key, &grant, text);
	ASSERT(strlen(text) == BATON_TEXT_BYTES - 1);
	ASSERT(baton_read(text, BATON_TEXT_BYTES - 1, key, &grant, &found) && same(&found, &baton));
	ASSERT(!baton_read(text, BATON_TEXT_BYTES - 1, other_key, &grant, &found));
	ASSERT(!baton_read(text, BATON_TEXT_BYTES - 1, key, &other_grant, &found));
	if (content[26] != 0) {
		text[content[25] % (BATON_TEXT_BYTES - 1)] ^= (char)content[26];
		ASSERT(!baton_read(text, BATON_TEXT_BYTES - 1, key, &grant, &found));
	}
}

// The base64 below it takes any size.
static void read_base64(const uint8_t *data, size_t size)
{
	OWNED(text) char *copy = malloc(size ? size : 1);
	if (size > 0)
		memcpy(copy, data, size);
	for (int url = 0; url <= 1; url++) {
		OWNED(buffer) struct buffer bytes = {0};
		OWNED(buffer) struct buffer again = {0};
		OWNED(buffer) struct buffer twice = {0};
		if (!crypt_base64_decode(&bytes, copy, size, url))
			continue;
		crypt_base64_encode(&again, bytes.data, bytes.size, url);
		ASSERT(crypt_base64_decode(&twice, again.data, again.size, url));
		ASSERT(twice.size == bytes.size &&
		       (bytes.size == 0 || memcmp(twice.data, bytes.data, bytes.size) == 0));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_text(data, size);
	seal_and_damage(data, size);
	read_base64(data, size);
	return 0;
}
