/// listen: GET /beta/listen, changes of a table as server-sent events (spec/hrana.md §1).
///
/// A listener is a reply that goes on. What its client does not take waits up to a bound; what comes beyond is not told, but
/// that something is missing is. A task looks after all listeners once a second, while there are any: it ends those whose
/// client, credential or database has gone, and writes a comment where nothing was said for long.
///
/// Life:    listeners_create → … → listeners_end, early in a drain, since listeners never end by themselves → listeners_free.
#ifndef ATOLL_HRANA_LISTEN_H
#define ATOLL_HRANA_LISTEN_H

struct listeners;
struct net_request;
struct workers;

struct listeners *listeners_create(struct workers *workers, int database_count_max);
/// Ends all; new ones get ERR_SHUTDOWN.
void listeners_end(struct listeners *listeners);
/// No request is under way. The memory goes when the task has run for the last time, at workers_stop at the latest.
void listeners_free(struct listeners *listeners);

void listen_handle(void *context, struct net_request *request);

#endif
