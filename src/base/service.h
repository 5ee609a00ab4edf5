/// service: what a service manager (systemd) hands to the process it starts, and wants to hear from it.
///
/// The protocol is one datagram a message, stable by promise (sd_notify(3), sd_listen_fds(3)). It is written here and
/// not by libsystemd, which would bring its own libraries (compression, cryptography) into a process that strangers
/// speak to, and into the container. Without a service manager nothing is said.
#ifndef ATOLL_BASE_SERVICE_H
#define ATOLL_BASE_SERVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/error.h"

struct service {
	int notify_fd; // -1: nobody listens
	struct sockaddr_un notify_address;
	socklen_t notify_address_size;
	int64_t watchdog_ms; // within which "WATCHDOG=1" is expected again; 0: it is not
	int inherited;       // descriptor of the listening socket that was handed over; -1: none
	bool has_journal;    // standard error leads to the journal
};

/// Reads and removes the manager's variables from the environment. Call it before the first thread.
/// Fails: ERR_USAGE  what was handed over cannot be used
MUST_USE bool service_open(struct service *out, struct error *err);
void service_cleanup(struct service *service); // for OWNED

/// One message: "READY=1\nSTATUS=Serving". Nothing is to be done when it gets lost.
void service_tell(const struct service *service, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
