/// quick: the commonest pipeline, one statement on a fresh stream, answered on the network thread.
///
/// Taken: `[execute, close]`, and `[execute]` alone if its text begins with SELECT or VALUES. The stream of
/// the latter holds nothing, so it lives in its baton and needs no entry in the table. After an INSERT it
/// would hold last_insert_rowid() and changes(), which the client may ask for next: that one gets a session
/// on a worker.
#ifndef ATOLL_HRANA_QUICK_H
#define ATOLL_HRANA_QUICK_H

#include "hrana/call.h"

/// True: the call is answered, or will be; it must not be touched any more.
bool quick_take(struct call *call);

#endif
