/// address: which addresses belong to everybody, and which to this machine or its network.
#ifndef ATOLL_NET_ADDRESS_H
#define ATOLL_NET_ADDRESS_H

#include <stdbool.h>

struct sockaddr;

/// False for what only this machine or those near it can reach (loopback, private, link-local, shared), for what is no
/// single host (unspecified, multicast, broadcast), for what is reserved, and for IPv6 forms that carry such an IPv4
/// address.
bool address_is_public(const struct sockaddr *address);

#endif
