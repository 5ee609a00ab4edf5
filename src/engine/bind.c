// Arguments to parameters (spec/hrana.md §2). In time that is linear, or nearly so, in their number, which may be 32766 each:
// no one can stop it in the middle.

#include <stdlib.h>
#include <string.h>

#include "engine/connection.h"
#include "engine/policy.h"
#include "engine/sqlite_core.h"

enum { PARAMS_ON_STACK = 32, NAMED_SEARCHED_MAX = 16 };

static int bind_value(sqlite3_stmt *stmt, int at, const struct value *value)
{
	switch (value->kind) {
	case VALUE_NULL:
		return sqlite3_bind_null(stmt, at);
	case VALUE_INTEGER:
		return sqlite3_bind_int64(stmt, at, value->integer);
	case VALUE_REAL:
		return sqlite3_bind_double(stmt, at, value->real);
	case VALUE_TEXT:
		return sqlite3_bind_text64(stmt, at, value->bytes, value->size, SQLITE_STATIC, SQLITE_UTF8);
	case VALUE_BLOB:
		// A NULL pointer would bind NULL instead of the empty blob.
		return sqlite3_bind_blob64(stmt, at, value->size ? value->bytes : "", value->size,
					   SQLITE_STATIC);
	}
	return SQLITE_MISUSE;
}

// The named arguments of a statement; by name once they are too many to be searched one by one.
struct named_args {
	const struct statement *statement;
	const struct named_value **sorted; // NULL: few
};

static int compare_names(const void *a, const void *b)
{
	const struct named_value *const *left = a;
	const struct named_value *const *right = b;
	return strcmp((*left)->name, (*right)->name);
}

static struct named_args named_args_of(const struct statement *statement)
{
	struct named_args named = {.statement = statement};
	size_t count = statement->named_arg_count;
	if (count <= NAMED_SEARCHED_MAX)
		return named;
	named.sorted = malloc(count * sizeof(*named.sorted));
	ASSERT(named.sorted != NULL);
	for (size_t i = 0; i < count; i++)
		named.sorted[i] = &statement->named_args[i];
	qsort(named.sorted, count, sizeof(*named.sorted), compare_names);
	return named;
}

static const struct value *find_name(const struct named_args *named, const char *name)
{
	const struct statement *statement = named->statement;
	if (named->sorted) {
		const struct named_value wanted = {.name = name};
		const struct named_value *key = &wanted;
		const struct named_value **found = bsearch(&key, named->sorted, statement->named_arg_count,
							   sizeof(*named->sorted), compare_names);
		return found ? &(*found)->value : NULL;
	}
	for (size_t i = 0; i < statement->named_arg_count; i++) {
		if (strcmp(statement->named_args[i].name, name) == 0)
			return &statement->named_args[i].value;
	}
	return NULL;
}

// Spelled as the parameter is, else without its prefix.
static const struct value *find_named(const struct named_args *named, const char *name)
{
	const struct value *exact = find_name(named, name);
	return exact ? exact : find_name(named, name + 1);
}

static bool not_found(const char *name, int at, struct error *err)
{
	if (name)
		return error_set(err, ERR_ARGS_INVALID,
				 "Arguments do not match SQL parameters: value for parameter %s not found",
				 name);
	return error_set(err, ERR_ARGS_INVALID,
			 "Arguments do not match SQL parameters: value for parameter %d not found", at);
}

// names NULL: none has any but "?N".
static bool bind_each(struct cached_statement *cached, const struct statement *statement,
		      const struct named_args *named, const char *const *names, struct error *err)
{
	// EXPLAIN shows the program without running it: it needs no values.
	bool explain = cached->param_count > 0 && sqlite3_stmt_isexplain(cached->stmt) != 0;
	for (int i = 1; i <= cached->param_count; i++) {
		const char *name = names ? names[i - 1] : NULL;
		const struct value *value = NULL;
		if (name && name[0] != '?')
			value = find_named(named, name);
		else if ((size_t)i <= statement->arg_count)
			value = &statement->args[i - 1];
		if (!value && explain)
			continue;
		if (!value)
			return not_found(sqlite3_bind_parameter_name(cached->stmt, i), i, err);
		int rc = bind_value(cached->stmt, i, value);
		if (rc != SQLITE_OK)
			return policy_sqlite_error(sqlite3_db_handle(cached->stmt), rc, err);
	}
	return true;
}

static bool bind_named(struct cached_statement *cached, const struct statement *statement, struct error *err)
{
	size_t count = (size_t)cached->param_count;
	const char *few[PARAMS_ON_STACK];
	const char **names = count > PARAMS_ON_STACK ? malloc(count * sizeof(*names)) : few;
	ASSERT(names != NULL);
	sqlite_core_param_names(cached->stmt, names, count);
	struct named_args named = named_args_of(statement);
	bool ok = bind_each(cached, statement, &named, names, err);
	free(named.sorted);
	if (names != few)
		free(names);
	return ok;
}

static bool bind_all(struct cached_statement *cached, const struct statement *statement, struct error *err)
{
	if (statement->arg_count > 0 && statement->named_arg_count > 0)
		return error_set(err, ERR_ARGS_BOTH,
				 "Specifying both positional and named arguments is not supported");
	size_t given = statement->arg_count + statement->named_arg_count;
	if (given > (size_t)cached->param_count)
		return error_set(
			err, ERR_ARGS_INVALID,
			"Arguments do not match SQL parameters: too many parameters, expected %d found %zu",
			cached->param_count, given);
	return cached->plain_params ? bind_each(cached, statement, NULL, NULL, err)
				    : bind_named(cached, statement, err);
}

bool connection_bind(struct cached_statement *cached, const struct statement *statement, struct error *err)
{
	if (bind_all(cached, statement, err))
		return true;
	sqlite3_clear_bindings(cached->stmt); // they point into the client's request
	return false;
}
