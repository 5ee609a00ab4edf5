/// cursor_reply: POST /v3/cursor, a batch whose results come as lines (spec/hrana.md §3.3).
///
/// The lines are collected, within the limit of a reply, and sent when the batch has ended and is durable: so
/// no line ever tells of what a crash can take back.
#ifndef ATOLL_HRANA_CURSOR_REPLY_H
#define ATOLL_HRANA_CURSOR_REPLY_H

struct net_request;

void cursor_reply_handle(void *context, struct net_request *request);

#endif
