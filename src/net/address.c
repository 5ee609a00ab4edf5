#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/attributes.h"

struct block {
	const char *first;
	int bits;
};

// The registries of special-purpose addresses (RFC 6890 and those after it), and multicast.
static const struct block blocks_4[] = {
	{"0.0.0.0", 8},      {"10.0.0.0", 8},     {"100.64.0.0", 10}, {"127.0.0.0", 8},
	{"169.254.0.0", 16}, {"172.16.0.0", 12},  {"192.0.0.0", 24},  {"192.0.2.0", 24},
	{"192.88.99.0", 24}, {"192.168.0.0", 16}, {"198.18.0.0", 15}, {"198.51.100.0", 24},
	{"203.0.113.0", 24}, {"224.0.0.0", 4},    {"240.0.0.0", 4},
};
static const struct block blocks_6[] = {
	{"::", 128},    {"::1", 128},       {"64:ff9b:1::", 48}, {"100::", 64},
	{"2001::", 23}, {"2001:db8::", 32}, {"3fff::", 20},      {"5f00::", 16},
	{"fc00::", 7},  {"fe80::", 10},     {"fec0::", 10},      {"ff00::", 8},
};

// IPv6 addresses that stand for the IPv4 address which begins at a byte of theirs.
static const struct carrier {
	struct block block;
	size_t at;
} carriers[] = {{{"::ffff:0:0", 96}, 12}, {{"::", 96}, 12}, {{"64:ff9b::", 96}, 12}, {{"2002::", 16}, 2}};

static bool lies_in(int family, const uint8_t *address, const struct block *block)
{
	uint8_t first[16];
	int whole = block->bits / 8;
	int rest = block->bits % 8;
	if (inet_pton(family, block->first, first) != 1 || memcmp(address, first, (size_t)whole) != 0)
		return false;
	return rest == 0 || ((address[whole] ^ first[whole]) >> (8 - rest)) == 0;
}

static bool is_public_4(const uint8_t *address)
{
	for (size_t i = 0; i < ARRAY_LENGTH(blocks_4); i++) {
		if (lies_in(AF_INET, address, &blocks_4[i]))
			return false;
	}
	return true;
}

static bool is_public_6(const uint8_t *address)
{
	for (size_t i = 0; i < ARRAY_LENGTH(blocks_6); i++) {
		if (lies_in(AF_INET6, address, &blocks_6[i]))
			return false;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(carriers); i++) {
		if (lies_in(AF_INET6, address, &carriers[i].block) && !is_public_4(address + carriers[i].at))
			return false;
	}
	return true;
}

bool address_is_public(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)address;
		return is_public_4((const uint8_t *)&in->sin_addr);
	}
	if (address->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)address;
		return is_public_6(in6->sin6_addr.s6_addr);
	}
	return false;
}
