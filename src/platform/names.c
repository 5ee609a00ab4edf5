#include "platform/names.h"

#include <string.h>

static const char lower_and_digits[] = "abcdefghijklmnopqrstuvwxyz0123456789";
static const char letters_and_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";
enum { LETTERS_DIGITS_DASH = 63 }; // how many of them a username may hold

static bool holds_only(const char *name, const char *allowed, size_t allowed_count, size_t length_max)
{
	size_t length = strnlen(name, length_max + 1);
	if (length == 0 || length > length_max)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!memchr(allowed, name[i], allowed_count))
			return false;
	}
	return true;
}

bool name_is_plain(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	return holds_only(name, allowed, sizeof(allowed) - 1, NAME_LENGTH_MAX) && name[0] != '-' &&
	       name[strlen(name) - 1] != '-';
}

bool name_is_for_token(const char *name)
{
	return holds_only(name, letters_and_digits, sizeof(letters_and_digits) - 1, NAME_LENGTH_MAX) &&
	       strcmp(name, "validate") != 0;
}

bool name_is_for_user(const char *name)
{
	return holds_only(name, letters_and_digits, LETTERS_DIGITS_DASH, USERNAME_LENGTH_MAX);
}

bool name_is_email(const char *text)
{
	size_t length = strnlen(text, EMAIL_LENGTH_MAX + 1);
	const char *at = strchr(text, '@');
	if (length > EMAIL_LENGTH_MAX || !at || at == text || at[1] == '\0' || strchr(at + 1, '@'))
		return false;
	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7F)
			return false;
	}
	return true;
}

bool name_is_for_organization(const char *name)
{
	char slug[NAME_BYTES];
	size_t characters = 0;
	for (const char *at = name; *at; at++) {
		if ((unsigned char)*at < ' ' || *at == 0x7F)
			return false;
		characters += ((unsigned char)*at & 0xC0) != 0x80;
	}
	return characters <= NAME_LENGTH_MAX && name_make_slug(name, slug);
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool name_make_slug(const char *name, char slug[NAME_BYTES])
{
	size_t size = 0;
	for (; *name && size < NAME_LENGTH_MAX; name++) {
		char c = lower(*name);
		if (memchr(lower_and_digits, c, sizeof(lower_and_digits) - 1))
			slug[size++] = c;
		else if (size > 0 && slug[size - 1] != '-')
			slug[size++] = '-';
	}
	while (size > 0 && slug[size - 1] == '-')
		size--;
	slug[size] = '\0';
	return size > 0;
}

bool name_make_label(const char *text, char label[LABEL_BYTES])
{
	size_t size = strnlen(text, LABEL_BYTES);
	label[0] = '\0';
	if (size == LABEL_BYTES)
		return false;
	for (size_t i = 0; i <= size; i++)
		label[i] = lower(text[i]);
	return true;
}
