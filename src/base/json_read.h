/// json_read: JSON in.
///
/// A text is parsed whole into a tree of nodes; nodes are borrowed from the tree's root and live as long as
/// it. Two ways to read a node: directly by kind (the SQL protocol), or through `struct json_fields`, typed
/// getters over one object whose first failure sticks, so that a handler asks for all its fields and checks
/// once.
///
/// The rules of both wires are options: spec/platform-api.md §1.3 (keys in any letter case, last duplicate
/// wins), spec/hrana.md §3.4 (duplicates refused, depth 128, NUL allowed in strings).
#ifndef ATOLL_BASE_JSON_READ_H
#define ATOLL_BASE_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/error.h"

struct json; // a node

enum json_kind {
	JSON_KIND_NULL,
	JSON_KIND_BOOL,
	JSON_KIND_INTEGER,
	JSON_KIND_REAL,
	JSON_KIND_TEXT,
	JSON_KIND_ARRAY,
	JSON_KIND_OBJECT
};

enum json_read_options {
	JSON_READ_UNIQUE_KEYS = 1, // a duplicate member is an error
	JSON_READ_ALLOW_NUL = 2,   // \u0000 may stand in strings (not in keys)
	// A whole number beyond 64 bits is no error but a REAL, as all whole numbers of that text are then:
	// JavaScript writes 1e20 as 100000000000000000000.
	JSON_READ_BIG_REALS = 4,
};

/// Parses exactly one value. depth_max counts arrays and objects inside each other.
/// Fails: ERR_BAD_JSON with the place ("line 1 column 7: …"). *out must be released with json_read_free.
MUST_USE bool json_read_parse(const char *text, size_t size, unsigned options, unsigned depth_max,
			      struct json **out, struct error *err);
void json_read_free(struct json *root);                  // NULL is fine
static inline void json_root_cleanup(struct json **root) // OWNED(json_root) struct json *root = NULL;
{
	json_read_free(*root);
	*root = NULL;
}

enum json_kind json_read_kind(const struct json *node);
const char *json_read_kind_name(const struct json *node); // "a string", "a number", …

/// NUL-terminated text of a TEXT node and its size; NULL for other kinds.
const char *json_read_text(const struct json *node, size_t *out_size);
int64_t json_read_integer(const struct json *node); // 0 for other kinds
double json_read_number(const struct json *node);   // INTEGER or REAL; 0 for other kinds
bool json_read_bool(const struct json *node);       // false for other kinds

size_t json_read_size(const struct json *array);                              // 0 for other kinds
const struct json *json_read_at(const struct json *array, size_t index);      // NULL past the end
const struct json *json_read_get(const struct json *object, const char *key); // exact key; NULL if absent

/// Walks an object's members in order: `void *at = NULL; while ((at = json_read_next(object, at, &key,
/// &value)))`.
void *json_read_next(const struct json *object, void *at, const char **out_key,
		     const struct json **out_value);

// -- fields -------------------------------------------------------------------------------------------

enum json_fields_rule { JSON_EXACT_CASE, JSON_ANY_CASE };
enum json_need { JSON_OPTIONAL, JSON_REQUIRED };

struct json_fields {
	const struct json *object;
	enum json_fields_rule rule;
	struct error error; // the first failure; code ERR_NONE until then
};

/// Fields of an object; with NULL or a JSON null as `node` every field is absent.
/// A node of another kind makes the reader fail with ERR_BAD_REQUEST "request body must be a JSON object".
struct json_fields json_fields_of(const struct json *node, enum json_fields_rule rule);

/// The member, or NULL when absent or null.
const struct json *json_fields_get(struct json_fields *fields, const char *name);

/// Getters. An absent member, null, and for texts also "", is absent: NULL or the default when optional, else
/// ERR_MISSING_FIELD "NAME is required". A wrong kind is ERR_INVALID_FIELD "NAME must be a string" (a number,
/// …).
const char *json_fields_text(struct json_fields *fields, const char *name, enum json_need need);
bool json_fields_bool(struct json_fields *fields, const char *name, bool otherwise);
int64_t json_fields_integer(struct json_fields *fields, const char *name, int64_t min, int64_t max,
			    int64_t otherwise);

/// A text that must be one of `choices` (NULL-terminated); returns its index, or `otherwise` when absent.
/// Else ERR_INVALID_FIELD "invalid NAME: TEXT".
int json_fields_choice(struct json_fields *fields, const char *name, const char *const *choices,
		       int otherwise);

/// Sets the reader's failure, for checks of the handler's own. The first one sticks.
void json_fields_fail(struct json_fields *fields, enum error_code code, const char *format, ...)
	PRINTF_LIKE(3, 4);

/// True when no getter failed; else copies the first failure.
MUST_USE bool json_fields_ok(const struct json_fields *fields, struct error *err);

#endif
