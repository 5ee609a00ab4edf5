/// sweeper: ends connections that send a head or a body so slowly that they only mean to hold a place.
///
/// The HTTP library ends a connection that is silent for idle_timeout_s; a client that sends a byte now and
/// then is never silent. At each sweep, once in an idle_timeout_s, such connections get a strike, and with
/// the second one they are shut down.
#ifndef ATOLL_NET_SWEEPER_H
#define ATOLL_NET_SWEEPER_H

struct net_server;
struct sweeper;

struct sweeper *sweeper_start(struct net_server *server, int interval_s);
/// No sweep is under way or begins afterwards. NULL is fine.
void sweeper_stop(struct sweeper *sweeper);

#endif
