#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "net/target.h"

static void paths_carry_labels(void **state)
{
	static const struct {
		const char *path;
		const char *label; // NULL: none
		const char *rest;
	} rows[] = {
		{"/db/shop-acme/v2/pipeline", "shop-acme", "/v2/pipeline"},
		{"/db/shop-acme/", "shop-acme", "/"},
		{"/db/shop-acme", "shop-acme", "/"},
		{"/dev/shop/v2/pipeline", "shop", "/v2/pipeline"},
		{"/dev/shop/v3/pipeline", "shop", "/v3/pipeline"},
		{"/dev/shop/v4/pipeline", NULL, NULL},
		{"/dev/shop", NULL, NULL},
		{"/db/", NULL, NULL},
		{"/db", NULL, NULL},
		{"/dbx/shop/v2", NULL, NULL},
		{"/v2/pipeline", NULL, NULL},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		char label[TARGET_LABEL_BYTES_MAX];
		const char *rest = NULL;
		bool found = target_of_path(rows[i].path, label, &rest);
		assert_int_equal(found, rows[i].label != NULL);
		if (found) {
			assert_string_equal(label, rows[i].label);
			assert_string_equal(rest, rows[i].rest);
		}
	}
}

static void hosts_carry_labels(void **state)
{
	static const struct {
		const char *host;
		const char *label;
	} rows[] = {
		{"shop-acme.localhost", "shop-acme"},
		{"shop-acme.localhost:8080", "shop-acme"},
		{"shop-acme.localhost.:8080", "shop-acme"},
		{"Shop-Acme.LocalHost.", "Shop-Acme"},
		{"localhost:8080", NULL},
		{".localhost", NULL},
		{"a.b.localhost", NULL},
		{"shop.localhost.evil", NULL},
		{"shopXlocalhost", NULL},
		{"127.0.0.1:8080", NULL},
		{"[::1]:8080", NULL},
		{"", NULL},
		{":", NULL},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		char label[TARGET_LABEL_BYTES_MAX];
		bool found = target_of_host(rows[i].host, ".localhost", label);
		assert_int_equal(found, rows[i].label != NULL);
		if (found)
			assert_string_equal(label, rows[i].label);
	}
}

static void labels_have_a_greatest_length(void **state)
{
	char label[TARGET_LABEL_BYTES_MAX];
	char text[TARGET_LABEL_BYTES_MAX + 1];
	memset(text, 'a', sizeof(text));
	text[TARGET_LABEL_BYTES_MAX] = '\0';
	assert_false(target_of_text(text, label));
	text[TARGET_LABEL_BYTES_MAX - 1] = '\0';
	assert_true(target_of_text(text, label));
	assert_false(target_of_text("", label));
}

static void binary_headers_are_base64(void **state)
{
	char label[TARGET_LABEL_BYTES_MAX];
	assert_true(target_of_binary("c2hvcA", label));
	assert_string_equal(label, "shop");
	assert_false(target_of_binary("", label));
	assert_false(target_of_binary("c2hv*A", label));
	assert_false(target_of_binary("YQBi", label)); // a NUL inside
}

static void slashes_collapse(void **state)
{
	OWNED(arena) struct arena arena = {0};
	static const char plain[] = "/v2/pipeline";
	assert_ptr_equal(target_collapse(&arena, plain), plain);
	assert_string_equal(target_collapse(&arena, "//db//x///v3//pipeline/"), "/db/x/v3/pipeline/");
	assert_string_equal(target_collapse(&arena, "//"), "/");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_carry_labels),
		cmocka_unit_test(hosts_carry_labels),
		cmocka_unit_test(labels_have_a_greatest_length),
		cmocka_unit_test(binary_headers_are_base64),
		cmocka_unit_test(slashes_collapse),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
