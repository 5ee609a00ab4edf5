/// live: answers that go on: what a database looks like, told again whenever it has changed, as server-sent events.
///
/// No thread is held: a task looks at each stream twice a second. Each time the request passes the gate again, so a stream
/// ends with the token, the membership or the database that it was for. It ends soon after api_drain, too.
#ifndef ATOLL_API_LIVE_H
#define ATOLL_API_LIVE_H

struct live_streams;
struct workers;

/// count_max: of one database
struct live_streams *live_streams_create(struct workers *workers, int count_max);
/// No stream may be left: after the server was drained. NULL is fine.
void live_streams_free(struct live_streams *streams);

#endif
