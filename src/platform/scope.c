#include "platform/scope.h"

#include <string.h>

#include "base/attributes.h"

// The scope of bit N stands at place N.
static const char *const names[SCOPE_COUNT] = {
	"read",
	"db:create",
	"db:delete",
	"db:configure",
	"db:mint-token",
	"db:rotate-creds",
	"group:configure",
	"group:mint-token",
	"group:rotate-creds",
};

static const struct preset {
	const char *name;
	unsigned scopes;
} presets[] = {{"read-only", SCOPE_READ}, {"full-access", SCOPE_ALL}};

enum { NAME_BYTES_MAX = 32 };

const char *scope_name(enum scope scope)
{
	const char *name[SCOPE_COUNT];
	size_t count = scope_names((unsigned)scope, name);
	ASSERT(count == 1);
	return name[0];
}

unsigned scope_of(const char *name)
{
	for (unsigned i = 0; i < SCOPE_COUNT; i++) {
		if (strcmp(names[i], name) == 0)
			return 1U << i;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(presets); i++) {
		if (strcmp(presets[i].name, name) == 0)
			return presets[i].scopes;
	}
	return SCOPE_NONE;
}

size_t scope_names(unsigned scopes, const char *out[SCOPE_COUNT])
{
	size_t count = 0;
	for (unsigned i = 0; i < SCOPE_COUNT; i++) {
		if (scopes & (1U << i))
			out[count++] = names[i];
	}
	return count;
}

const char *scope_write(unsigned scopes, struct arena *arena)
{
	const char *name[SCOPE_COUNT];
	const char *text = "";
	size_t count = scope_names(scopes, name);
	for (size_t i = 0; i < count; i++)
		text = arena_printf(arena, "%s%s%s", text, i > 0 ? " " : "", name[i]);
	return text;
}

unsigned scope_read(const char *text)
{
	unsigned scopes = SCOPE_NONE;
	while (text && *text) {
		char name[NAME_BYTES_MAX];
		size_t size = strcspn(text, " ");
		if (size < sizeof(name)) {
			memcpy(name, text, size);
			name[size] = '\0';
			scopes |= scope_of(name);
		}
		text += size;
		text += strspn(text, " ");
	}
	return scopes;
}
