#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/router.h"

static void nothing(void *context, struct net_request *request)
{
}

static const struct net_route routes[] = {
	{"POST", "/v2/pipeline", nothing, NET_INLINE, 0, "pipeline"},
	{"GET", "/v2/pipeline", nothing, NET_INLINE, 0, "greeting"},
	{"GET", "/", nothing, NET_INLINE, 0, "root"},
	{"GET", "/v1/tokens/validate", nothing, NET_INLINE, 0, "validate"},
	{"POST", "/v1/tokens/{name}", nothing, NET_INLINE, 0, "mint"},
	{"GET", "/v1/{kind}/{name}", nothing, NET_INLINE, 0, "any"},
	{"GET", "/v1/{kind}/list", nothing, NET_INLINE, 0, "list"},
	{"DELETE", "/v1/orgs/{org}/dbs/{db}", nothing, NET_INLINE, 0, "delete"},
};

struct expectation {
	const char *method;
	const char *path;
	const char *facts; // of the row that must be found; NULL: code is expected
	enum error_code code;
	const char *first;  // value of the first parameter
	const char *second; // and of the second
};

static const struct expectation table[] = {
	{"POST", "/v2/pipeline", "pipeline", 0, NULL, NULL},
	{"POST", "/v2/pipeline/", "pipeline", 0, NULL, NULL},
	{"HEAD", "/v2/pipeline", "greeting", 0, NULL, NULL},
	{"PUT", "/v2/pipeline", NULL, ERR_METHOD_NOT_ALLOWED, NULL, NULL},
	{"GET", "/", "root", 0, NULL, NULL},
	{"GET", "//", NULL, ERR_ROUTE_NOT_FOUND, NULL, NULL},
	{"GET", "", NULL, ERR_ROUTE_NOT_FOUND, NULL, NULL},
	{"GET", "*", NULL, ERR_ROUTE_NOT_FOUND, NULL, NULL},
	{"GET", "/v2", NULL, ERR_ROUTE_NOT_FOUND, NULL, NULL},
	{"GET", "/v2//pipeline", NULL, ERR_ROUTE_NOT_FOUND, NULL, NULL},
	{"GET", "/v2/pipeline//", NULL, ERR_ROUTE_NOT_FOUND, NULL, NULL},
	{"GET", "/v2/pipelinex", NULL, ERR_ROUTE_NOT_FOUND, NULL, NULL},
	{"GET", "/v1/tokens/validate", "validate", 0, NULL, NULL},
	{"POST", "/v1/tokens/validate", "mint", 0, "validate", NULL},
	{"POST", "/v1/tokens/a", "mint", 0, "a", NULL},
	{"GET", "/v1/tokens/a", "any", 0, "tokens", "a"},
	{"GET", "/v1/things/list", "list", 0, "things", NULL},
	{"DELETE", "/v1/orgs/a%20b/dbs/x%2By", "delete", 0, "a b", "x+y"},
	{"DELETE", "/v1/%6frgs/a/dbs/x@y+z", "delete", 0, "a", "x@y+z"},
	{"DELETE", "/v1/orgs/%C3%A9/dbs/x", "delete", 0, "\xC3\xA9", "x"},
	{"DELETE", "/v1/orgs//dbs/x", NULL, ERR_ROUTE_NOT_FOUND, NULL, NULL},
	{"DELETE", "/v1/orgs/a%2Fb/dbs/x", NULL, ERR_BAD_REQUEST, NULL, NULL},
	{"DELETE", "/v1/orgs/a%00/dbs/x", NULL, ERR_BAD_REQUEST, NULL, NULL},
	{"DELETE", "/v1/orgs/a%zz/dbs/x", NULL, ERR_BAD_REQUEST, NULL, NULL},
	{"DELETE", "/v1/orgs/a%2/dbs/x", NULL, ERR_BAD_REQUEST, NULL, NULL},
	{"DELETE", "/v1/orgs/a/dbs/x%", NULL, ERR_BAD_REQUEST, NULL, NULL},
	{"GET", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t", NULL, ERR_ROUTE_NOT_FOUND, NULL, NULL},
};

static void finds_the_row_that_a_path_means(void **state)
{
	struct router *router = router_create(routes, ARRAY_LENGTH(routes));
	for (size_t i = 0; i < ARRAY_LENGTH(table); i++) {
		const struct expectation *expected = &table[i];
		OWNED(arena) struct arena arena = {0};
		struct route_match match;
		struct error err = {0};
		bool found = router_match(router, expected->method, expected->path, &arena, &match, &err);
		print_message("%s %s\n", expected->method, expected->path);
		assert_int_equal(found, expected->facts != NULL);
		if (!found) {
			assert_int_equal(err.code, expected->code);
			continue;
		}
		assert_string_equal(match.route->facts, expected->facts);
		if (expected->first)
			assert_string_equal(match.params[0].value, expected->first);
		if (expected->second)
			assert_string_equal(match.params[1].value, expected->second);
	}
	router_destroy(router);
}

static void names_the_methods_that_a_path_allows(void **state)
{
	struct router *router = router_create(routes, ARRAY_LENGTH(routes));
	OWNED(arena) struct arena arena = {0};
	OWNED(buffer) struct buffer allow = {0};
	router_allow(router, "/v2/pipeline", &arena, &allow);
	assert_string_equal(buffer_text(&allow), "POST, GET, HEAD");
	buffer_truncate(&allow, 0);
	router_allow(router, "/v1/tokens/validate", &arena, &allow);
	assert_string_equal(buffer_text(&allow), "GET, HEAD, POST");
	buffer_truncate(&allow, 0);
	router_allow(router, "/nowhere", &arena, &allow);
	assert_int_equal(allow.size, 0);
	router_destroy(router);
}

static void an_empty_table_knows_no_path(void **state)
{
	struct router *router = router_create(NULL, 0);
	OWNED(arena) struct arena arena = {0};
	struct route_match match;
	struct error err;
	assert_false(router_match(router, "GET", "/", &arena, &match, &err));
	assert_int_equal(err.code, ERR_ROUTE_NOT_FOUND);
	router_destroy(router);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_row_that_a_path_means),
		cmocka_unit_test(names_the_methods_that_a_path_allows),
		cmocka_unit_test(an_empty_table_knows_no_path),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
