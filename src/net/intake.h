/// intake: the body of a NET_STREAM request on its way from the network thread to the handler, through a buffer that
/// bounds what lies in memory. Private to net.
///
/// The network thread puts in what the library gives it and suspends the connection when the buffer is full, when
/// the body is over, and at first, until the handler asks: a handler that refuses by the head alone does so before the
/// client is told to go on (Expect: 100-continue). The handler takes out, and resumes the connection when there is room.
///
/// Life:    intake_begin → net_request_read* → net_request_finish; freed with the request. The connection may end
///          before the handler does; the request's memory is then the handler's, and freed by net_request_finish.
/// Threads: the functions that give a turn, intake_close and intake_orphan: the network thread. intake_break: any.
#ifndef ATOLL_NET_INTAKE_H
#define ATOLL_NET_INTAKE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct net_request;
struct net_server;
struct intake;

/// Takes the request's head over from the library, whose memory may go, and counts the request among those under way.
/// Fails: ERR_BUSY (too many), ERR_SHUTDOWN
MUST_USE bool intake_begin(struct net_request *request, struct error *err);

/// Suspended: the library calls again when there is reason to. Finished: the handler has, and its reply can be read.
enum intake_turn { INTAKE_RUNNING, INTAKE_SUSPENDED, INTAKE_FINISHED };

/// Suspends until the handler asks for the body, unless it has.
enum intake_turn intake_await_reader(struct intake *intake);
/// Takes as much of a piece as there is room for, nothing from a handler that has finished; *size is what was left.
enum intake_turn intake_put(struct intake *intake, const char *bytes, size_t *size);
/// The body is longer than it may be, or complete: suspends until the handler has finished.
enum intake_turn intake_overflow(struct intake *intake);
enum intake_turn intake_end(struct intake *intake);

/// The handler gets `why` instead of more.
void intake_break(struct intake *intake, enum error_code why);
/// The library has given the exchange up, or done with it. True: the intake can be freed, the handler has finished.
bool intake_close(struct intake *intake, bool timed_out);
/// The connection ends. False: the handler goes on, and the request's memory with it.
bool intake_orphan(struct intake *intake);
void intake_free(struct intake *intake); // NULL is fine

/// The handler's end of it; the request must not be touched afterwards.
void intake_finish(struct net_request *request);
/// Whether the client is known to be gone.
bool intake_is_closed(struct intake *intake);

/// For the end of the server: all handlers that read get ERR_SHUTDOWN.
void intakes_break(struct net_server *server);

#endif
