/// dump_reply: GET /dump, the whole database as SQL text (spec/hrana.md §1), sent while it is read. A client that does not read
/// holds no thread and bounded memory, but its moment of the database, so that the write-ahead log goes on growing.
#ifndef ATOLL_HRANA_DUMP_REPLY_H
#define ATOLL_HRANA_DUMP_REPLY_H

struct net_request;

void dump_reply_handle(void *context, struct net_request *request);

#endif
