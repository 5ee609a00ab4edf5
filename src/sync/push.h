/// push: `POST /sync/{g}/{a}/{b}`, the frames that a replica wrote while it was offline (spec/replication.md §5).
///
/// Whole transactions are taken, each as one commit; the rest waits for the client's next request (push_stage.h). A reply
/// tells of nothing but what is durable, or waits: after a crash in between the client is told to send it again.
#ifndef ATOLL_SYNC_PUSH_H
#define ATOLL_SYNC_PUSH_H

struct net_request;

/// A handler; its context is the struct sync.
void push_handle(void *context, struct net_request *request);

#endif
