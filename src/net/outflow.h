/// outflow: a reply's body that is written while it is sent, on its way from the handler to the network thread. Private to
/// net; handlers know it as net_reply_begin and what follows there.
///
/// The handler appends bytes; the library asks for some when the socket takes more, and the connection is suspended while
/// there are none. A handler that has much waiting stops producing and is called when it is less: so memory is bounded,
/// and no thread waits for a client.
///
/// Life:    net_reply_begin → net_reply_push* → net_request_finish or net_reply_break. The connection may end before the
///          handler does: what is pushed then is dropped, and the request's memory is the handler's until it finishes.
/// Threads: outflow_read, outflow_close and outflow_orphan: the network thread. outflow_is_closed: any.
#ifndef ATOLL_NET_OUTFLOW_H
#define ATOLL_NET_OUTFLOW_H

#include <stdbool.h>
#include <stddef.h>

struct net_request;
struct net_server;
struct outflow;

struct MHD_Response;

/// The reply that the library reads from the outflow; NULL when it cannot.
struct MHD_Response *outflow_response(struct outflow *outflow);

/// The library has given the exchange up, or done with it. True: the outflow can be freed, the handler has finished.
bool outflow_close(struct outflow *outflow);
/// The connection ends. False: the handler goes on, and the request's memory with it.
bool outflow_orphan(struct outflow *outflow);
void outflow_free(struct outflow *outflow); // NULL is fine

/// The handler's end of it; the request must not be touched afterwards.
void outflow_finish(struct net_request *request);
/// Whether the client is known to be gone, or the server is stopping.
bool outflow_is_closed(struct outflow *outflow);

/// For the end of the server: nothing more is sent, and whoever waits for room is called.
void outflows_break(struct net_server *server);

#endif
