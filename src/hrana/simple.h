/// simple: the forms without streams, a fresh session for each request: /v1/execute, /v1/batch, and the
/// legacy `POST /` (spec/hrana.md §8, §9).
#ifndef ATOLL_HRANA_SIMPLE_H
#define ATOLL_HRANA_SIMPLE_H

struct net_request;

void simple_handle_execute(void *context, struct net_request *request);
void simple_handle_batch(void *context, struct net_request *request);
void simple_handle_legacy(void *context, struct net_request *request);

#endif
