#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "base/attributes.h"
#include "net/address.h"

static bool is_public(const char *text)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		return address_is_public((const struct sockaddr *)&in);
	assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
	return address_is_public((const struct sockaddr *)&in6);
}

static void what_everybody_can_reach_is_public(void **state)
{
	static const char *const addresses[] = {
		"1.1.1.1",         "8.8.8.8",          "9.255.255.255",
		"11.0.0.0",        "100.63.255.255",   "100.128.0.0",
		"126.255.255.255", "128.0.0.1",        "169.253.0.1",
		"169.255.0.1",     "172.15.255.255",   "172.32.0.0",
		"192.167.1.1",     "192.169.1.1",      "198.17.255.255",
		"198.20.0.0",      "223.255.255.255",  "2606:4700:4700::1111",
		"2a00:1450::1",    "64:ff9b::808:808", "2002:808:808::1",
		"::ffff:8.8.8.8",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(addresses); i++) {
		print_message("%s\n", addresses[i]);
		assert_true(is_public(addresses[i]));
	}
}

static void what_is_near_or_nobody_is_not(void **state)
{
	static const char *const addresses[] = {
		"0.0.0.0",
		"0.1.2.3",
		"10.0.0.0",
		"10.255.255.255",
		"100.64.0.0",
		"100.127.255.255",
		"127.0.0.1",
		"127.255.255.255",
		"169.254.169.254",
		"172.16.0.1",
		"172.31.255.255",
		"192.0.0.1",
		"192.0.2.1",
		"192.168.0.1",
		"192.168.255.255",
		"198.18.0.1",
		"198.19.255.255",
		"198.51.100.7",
		"203.0.113.7",
		"224.0.0.1",
		"239.255.255.255",
		"240.0.0.1",
		"255.255.255.255",
		"::",
		"::1",
		"::127.0.0.1",
		"::ffff:127.0.0.1",
		"::ffff:10.0.0.1",
		"::ffff:169.254.169.254",
		"64:ff9b::a00:1",
		"64:ff9b:1::1",
		"100::1",
		"2001::1",
		"2001:db8::1",
		"2002:a00:1::1",
		"2002:7f00:1::",
		"fc00::1",
		"fdff::1",
		"fe80::1",
		"febf::1",
		"fec0::1",
		"ff02::1",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(addresses); i++) {
		print_message("%s\n", addresses[i]);
		assert_false(is_public(addresses[i]));
	}
	struct sockaddr_un local = {.sun_family = AF_UNIX};
	assert_false(address_is_public((const struct sockaddr *)&local));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_everybody_can_reach_is_public),
		cmocka_unit_test(what_is_near_or_nobody_is_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
