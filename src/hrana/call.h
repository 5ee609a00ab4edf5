/// call: one request on its way through this module, from the credential to the last byte of its reply.
///
/// Life:    call_begin (on the network thread; checks the credential) → decoded and answered there, or
///          call_dispatch → its work on a worker → call_finish, once.
/// Memory:  everything is in the request's arena, but the JSON tree, which call_finish frees.
#ifndef ATOLL_HRANA_CALL_H
#define ATOLL_HRANA_CALL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/admission.h"
#include "base/error.h"
#include "base/json_read.h"
#include "fleet/session.h"
#include "hrana/baton.h"
#include "hrana/decode.h"
#include "hrana/internal.h"
#include "hrana/program.h"
#include "platform/access.h"

struct call;
struct cursor_reply;
struct dump_reply;
typedef void call_work(struct call *call);
typedef bool call_decode(struct call *call, struct error *err);

struct call {
	struct hrana *hrana;
	struct net_request *request;
	struct arena *arena;
	struct access_grant grant;
	int version; // of the protocol: 1, 2, 3

	struct json *body; // NULL when it is not parsed, or not any more
	struct pipeline pipeline;
	bool decoded; // the pipeline is, and what it borrows from is there
	struct baton baton;
	bool has_baton;

	struct program program; // writes into the reply's body

	// Steps of the way that are taken elsewhere.
	call_decode *decode;
	call_work *then;
	call_work *work;
	struct admission_ticket ticket;
	struct stream_waiter waiter;
	bool urgent;
	bool admitted;
	bool closed;    // the client asked for the end of the stream
	unsigned steps; // taken since the last look at the client's connection

	struct cursor_reply *cursor_reply; // of a cursor
	struct dump_reply *dump_reply;     // of a dump
	bool cut;                          // its reply ends in the middle

	// On the quick path (quick.c).
	struct quick_wait wait;
	atomic_int parties;
	bool lost;
};

/// wire: of the request and of its reply. NULL when the request was refused, and answered.
struct call *call_begin(struct hrana *hrana, struct net_request *request, int version,
			const struct wire *wire);

/// Parses the body. The tree lives until call_drop_body or the end.
MUST_USE bool call_parse(struct call *call, struct error *err);
/// Frees the tree, if there is one; the pipeline must be decoded again then.
void call_drop_body(struct call *call);

/// Opens the seal of the client's baton. Fails: ERR_BATON_INVALID.
MUST_USE bool call_read_baton(struct call *call, const char *baton, size_t size, struct error *err);

/// Decodes the body and goes on with `then`: at once, or for a large body on a worker. A failure is answered.
void call_decode_then(struct call *call, call_decode *decode, call_work *then);

/// Runs `work` on a worker, soon: after the request that promised the baton. A refusal (429) is answered here.
void call_dispatch(struct call *call, call_work *work);
/// Between two pieces of work: no worker is held, and no other request of the database waits for this one.
void call_pause(struct call *call);
/// Runs `work` again, before those that have not begun. From any thread.
void call_go_on(struct call *call);

/// Finds or opens the call's stream (stream.h).
MUST_USE bool call_open_stream(struct call *call, struct error *err);
/// Waits until all that the reply shows is durable, then gives the stream back and fills the baton for the
/// next request; or ends it, if the client closed it: "" then.
MUST_USE bool call_leave_stream(struct call *call, char baton[BATON_TEXT_BYTES], struct error *err);

/// Empties the reply's body.
void call_restart_reply(struct call *call);
/// Ends the stream, if there is one, and makes the reply say `err`.
void call_fail(struct call *call, const struct error *err);
/// Sends the reply, or what is left of it. The call is gone afterwards.
void call_finish(struct call *call);

/// For requests that have no call.
void call_refuse(struct net_request *request, const struct error *err);

#endif
