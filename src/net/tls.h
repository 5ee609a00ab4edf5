/// tls: the certificate and key that new connections are given. They may be read again while the server runs.
///
/// Threads: tls_reload from one thread at a time; tls_current from any.
#ifndef ATOLL_NET_TLS_H
#define ATOLL_NET_TLS_H

#include <stdbool.h>

#include <gnutls/abstract.h>

#include "base/error.h"

struct tls;

struct tls_pair {
	gnutls_pcert_st *certificates;
	unsigned certificate_count;
	gnutls_privkey_t key;
};

/// Reads both files (PEM). Fails: ERR_USAGE, with the file's setting in the message.
MUST_USE bool tls_open(const char *cert_path, const char *key_path, struct tls **out, struct error *err);
/// Reads them again; what was in force stays so on failure.
MUST_USE bool tls_reload(struct tls *tls, struct error *err);
/// Valid until tls_close: a handshake may still use what a reload has replaced.
const struct tls_pair *tls_current(struct tls *tls);
void tls_close(struct tls *tls); // NULL is fine

#endif
