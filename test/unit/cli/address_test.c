#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/address.h"

static bool everything_resolves(const char *host)
{
	return true;
}

static bool nothing_resolves(const char *host)
{
	return false;
}

static void takes_the_urls_of_databases(void **state)
{
	static const struct {
		const char *text;
		const char *base;
	} cases[] = {
		{"libsql://db-org.example.com", "https://db-org.example.com/"},
		{"libsql://db-org.example.com:8080?tls=0", "http://db-org.example.com:8080/"},
		{"http://127.0.0.1:8080/db/a-b/", "http://127.0.0.1:8080/db/a-b/"},
		{"http://127.0.0.1:8080/db/a-b", "http://127.0.0.1:8080/db/a-b/"},
		{"WSS://Host/x//?y=1#z", "https://Host/x/"},
		{"ws://[::1]:80", "http://[::1]:80/"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		OWNED(arena) struct arena arena = {0};
		struct address address;
		struct error err;
		assert_true(address_parse(&arena, cases[i].text, &address, &err));
		assert_string_equal(address.base, cases[i].base);
		assert_null(address.user);
		assert_null(address.token);
	}
}

static void finds_credentials_in_a_url(void **state)
{
	OWNED(arena) struct arena arena = {0};
	struct address address;
	struct error err;
	assert_true(address_parse(&arena, "http://us%65r:p%40ss%3A@h/db/x/?tls=0&authToken=abc.d", &address,
				  &err));
	assert_string_equal(address.base, "http://h/db/x/");
	assert_string_equal(address.user, "user");
	assert_string_equal(address.password, "p@ss:");
	assert_string_equal(address.token, "abc.d");
}

static void refuses_what_is_no_url_of_a_database(void **state)
{
	static const char *const texts[] = {"db", "ftp://h/", "http://", "://h", "file:///x"};
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		OWNED(arena) struct arena arena = {0};
		struct address address;
		struct error err;
		assert_false(address_parse(&arena, texts[i], &address, &err));
		assert_int_equal(err.code, ERR_USAGE);
	}
}

static void a_server_has_a_plain_address(void **state)
{
	OWNED(arena) struct arena arena = {0};
	const char *url;
	struct error err;
	assert_true(address_of_server(&arena, "http://h:1/", &url, &err));
	assert_string_equal(url, "http://h:1");
	assert_true(address_of_server(&arena, "HTTPS://h/prefix//", &url, &err));
	assert_string_equal(url, "https://h/prefix");
	assert_false(address_of_server(&arena, "127.0.0.1:8080", &url, &err));
	assert_false(address_of_server(&arena, "libsql://h", &url, &err));
	assert_false(address_of_server(&arena, "http://u:p@h", &url, &err));
}

// Where names cannot lead to databases, a path does.
static void chooses_how_databases_are_reached(void **state)
{
	static const struct {
		const char *server;
		const char *hostname;
		bool (*can_resolve)(const char *host);
		const char *address;
	} cases[] = {
		{"http://127.0.0.1:8080", "my-db-my-org.localhost:8080", everything_resolves,
		 "http://127.0.0.1:8080/db/my-db-my-org/"},
		{"http://localhost:8080", "my-db-my-org.localhost:8080", everything_resolves,
		 "http://localhost:8080/db/my-db-my-org/"},
		{"http://[::1]:8080", "db-o.localhost:8080", everything_resolves,
		 "http://[::1]:8080/db/db-o/"},
		{"http://10.1.2.3", "db-o.atoll.example", everything_resolves, "http://10.1.2.3/db/db-o/"},
		{"https://api.atoll.example", "db-o.atoll.example", everything_resolves,
		 "https://db-o.atoll.example/"},
		{"http://api.atoll.example:81", "db-o.atoll.example:81", everything_resolves,
		 "http://db-o.atoll.example:81/"},
		{"https://api.atoll.example", "db-o.atoll.example", nothing_resolves,
		 "https://api.atoll.example/db/db-o/"},
		{"http://atoll:8080", "db-o.localhost:8080", everything_resolves,
		 "http://atoll:8080/db/db-o/"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		OWNED(arena) struct arena arena = {0};
		enum address_form form =
			address_choose_form(&arena, cases[i].server, cases[i].hostname, cases[i].can_resolve);
		assert_string_equal(address_of_database(&arena, cases[i].server, cases[i].hostname, form),
				    cases[i].address);
	}
}

static void clients_get_libsql_only_where_it_works(void **state)
{
	OWNED(arena) struct arena arena = {0};
	assert_string_equal(address_for_clients(&arena, "https://db-o.example/"), "libsql://db-o.example");
	assert_string_equal(address_for_clients(&arena, "http://db-o.example/"), "http://db-o.example/");
	assert_string_equal(address_for_clients(&arena, "https://h/db/db-o/"), "https://h/db/db-o/");
}

static void tells_servers_apart(void **state)
{
	OWNED(arena) struct arena arena = {0};
	assert_true(address_same_server(&arena, "http://127.0.0.1:8080", "http://localhost:8080/"));
	assert_true(address_same_server(&arena, "https://h", "https://H:443"));
	assert_true(address_same_server(&arena, "http://[::1]:8080", "http://127.0.0.1:8080"));
	assert_false(address_same_server(&arena, "http://127.0.0.1:8080", "http://127.0.0.1:8081"));
	assert_false(address_same_server(&arena, "http://h", "https://h:80"));
	assert_false(address_same_server(&arena, "http://a", "http://b"));
	assert_false(address_same_server(&arena, "http://127.0.0.1", "http://127.0.0.1.example"));
}

static void encodes_segments(void **state)
{
	OWNED(arena) struct arena arena = {0};
	assert_string_equal(address_segment(&arena, "a-b.c_d~e@f"), "a-b.c_d~e@f");
	assert_string_equal(address_segment(&arena, "a/b?c d%é"), "a%2Fb%3Fc%20d%25%C3%A9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_the_urls_of_databases),
		cmocka_unit_test(finds_credentials_in_a_url),
		cmocka_unit_test(refuses_what_is_no_url_of_a_database),
		cmocka_unit_test(a_server_has_a_plain_address),
		cmocka_unit_test(chooses_how_databases_are_reached),
		cmocka_unit_test(clients_get_libsql_only_where_it_works),
		cmocka_unit_test(tells_servers_apart),
		cmocka_unit_test(encodes_segments),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
