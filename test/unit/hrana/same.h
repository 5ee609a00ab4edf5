// Whether two decoded pipelines mean the same, for those who hold one decoder against another.
#ifndef ATOLL_TEST_UNIT_HRANA_SAME_H
#define ATOLL_TEST_UNIT_HRANA_SAME_H

#include <stdbool.h>
#include <string.h>

#include "hrana/decode.h"

static inline bool same_text(const char *a, size_t a_size, const char *b, size_t b_size)
{
	return a_size == b_size && (a_size == 0 || memcmp(a, b, a_size) == 0);
}

static inline bool same_value(const struct value *a, const struct value *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case VALUE_NULL:
		return true;
	case VALUE_INTEGER:
		return a->integer == b->integer;
	case VALUE_REAL:
		return memcmp(&a->real, &b->real, sizeof(a->real)) == 0;
	case VALUE_TEXT:
	case VALUE_BLOB:
		return same_text(a->bytes, a->size, b->bytes, b->size);
	}
	return false;
}

static inline bool same_step(const struct step *a, const struct step *b)
{
	const struct statement *x = &a->statement;
	const struct statement *y = &b->statement;
	if (!same_text(x->sql, x->sql_size, y->sql, y->sql_size) || a->want_rows != b->want_rows ||
	    a->sql_id != b->sql_id || a->replication_index != b->replication_index ||
	    x->arg_count != y->arg_count || x->named_arg_count != y->named_arg_count)
		return false;
	for (size_t i = 0; i < x->arg_count; i++) {
		if (!same_value(&x->args[i], &y->args[i]))
			return false;
	}
	for (size_t i = 0; i < x->named_arg_count; i++) {
		if (strcmp(x->named_args[i].name, y->named_args[i].name) != 0 ||
		    !same_value(&x->named_args[i].value, &y->named_args[i].value))
			return false;
	}
	return true;
}

static inline bool same_pipeline(const struct pipeline *a, const struct pipeline *b)
{
	if ((a->baton == NULL) != (b->baton == NULL) || a->request_count != b->request_count ||
	    (a->baton && !same_text(a->baton, a->baton_size, b->baton, b->baton_size)))
		return false;
	for (size_t i = 0; i < a->request_count; i++) {
		if (a->requests[i].kind != b->requests[i].kind)
			return false;
		if (a->requests[i].kind == REQUEST_EXECUTE &&
		    !same_step(&a->requests[i].step, &b->requests[i].step))
			return false;
	}
	return true;
}

#endif
