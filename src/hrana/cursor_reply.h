/// cursor_reply: POST /v3/cursor and /v3-protobuf/cursor, a batch whose results come as lines or messages (spec/hrana.md §3.3).
///
/// A small result goes out whole, with the baton of the stream as it then is. Any other is sent while SQLite steps: each
/// piece once what it tells is durable, and no further one is made while much waits for the client, who holds neither a
/// thread nor an admission meanwhile. The baton in the head is then a promise (stream_promise).
#ifndef ATOLL_HRANA_CURSOR_REPLY_H
#define ATOLL_HRANA_CURSOR_REPLY_H

struct net_request;

void cursor_reply_handle(void *context, struct net_request *request);
void cursor_reply_handle_protobuf(void *context, struct net_request *request);

#endif
