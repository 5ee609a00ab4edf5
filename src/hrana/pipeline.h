/// pipeline: POST /v2/pipeline and /v3/pipeline, the requests of one stream in order (spec/hrana.md §3.1).
#ifndef ATOLL_HRANA_PIPELINE_H
#define ATOLL_HRANA_PIPELINE_H

#include "hrana/call.h"

/// Handlers for net's route table; the context is the struct hrana.
void pipeline_handle_v2(void *context, struct net_request *request);
void pipeline_handle_v3(void *context, struct net_request *request);
void pipeline_handle_v3_protobuf(void *context, struct net_request *request);

/// The general way, on a worker: for calls that quick.c did not take, or lost.
void pipeline_work(struct call *call);

#endif
