#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/disk.h"
#include "net/server.h"
#include "net/tls.h"

enum { BACKLOG = 1024 };

// "host:port", "[v6]:port"; both texts are malloc'd.
static bool split_address(const char *listen, char **out_host, char **out_port)
{
	const char *colon = strrchr(listen, ':');
	if (!colon || colon == listen || colon[1] == '\0')
		return false;
	const char *host = listen;
	size_t size = (size_t)(colon - listen);
	if (host[0] == '[') {
		if (host[size - 1] != ']' || size < 3)
			return false;
		host++;
		size -= 2;
	} else if (memchr(host, ':', size)) {
		return false;
	}
	*out_host = strndup(host, size);
	*out_port = strdup(colon + 1);
	ASSERT(*out_host != NULL && *out_port != NULL);
	return true;
}

static struct addrinfo *resolve(const char *address, struct error *err)
{
	OWNED(text) char *host = NULL;
	OWNED(text) char *port = NULL;
	if (!split_address(address, &host, &port)) {
		error_set(err, ERR_USAGE, "listen: \"%s\" is not ADDRESS:PORT", address);
		return NULL;
	}
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *found = NULL;
	int result = getaddrinfo(host, port, &hints, &found);
	if (result == 0)
		return found;
	error_set(err, ERR_USAGE, "listen: \"%s\": %s", address, gai_strerror(result));
	return NULL;
}

static int bind_one(const struct addrinfo *address)
{
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	int on = 1;
	int off = 0;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (address->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	int reason = errno;
	close(fd);
	errno = reason;
	return -1;
}

static bool bind_any(const char *address, int *out_fd, struct error *err)
{
	struct addrinfo *found = resolve(address, err);
	if (!found)
		return false;
	int fd = -1;
	for (struct addrinfo *at = found; at && fd < 0; at = at->ai_next)
		fd = bind_one(at);
	int reason = errno;
	freeaddrinfo(found);
	if (fd < 0) {
		char text[96];
		error_errno(err, reason, "bind", "listen: cannot serve on %s: %s", address,
			    strerror_r(reason, text, sizeof(text)));
		return false;
	}
	*out_fd = fd;
	return true;
}

// The address that was bound, with its real port.
static void describe(int fd, struct net_listener *out)
{
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof(address);
	char host[INET6_ADDRSTRLEN] = "";
	char port[8] = "";
	getsockname(fd, (struct sockaddr *)&address, &length);
	getnameinfo((struct sockaddr *)&address, length, host, sizeof(host), port, sizeof(port),
		    NI_NUMERICHOST | NI_NUMERICSERV);
	out->fd = fd;
	out->port = (int)strtol(port, NULL, 10);
	snprintf(out->address, sizeof(out->address), address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s",
		 host, port);
}

bool net_listen(const char *listen, struct net_listener *out, struct error *err)
{
	int fd = -1;
	if (!bind_any(listen, &fd, err))
		return false;
	describe(fd, out);
	return true;
}

static int option_of(int fd, int option)
{
	int value = -1;
	socklen_t size = sizeof(value);
	return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

bool net_listen_inherited(int fd, struct net_listener *out, struct error *err)
{
	int family = option_of(fd, SO_DOMAIN);
	if (option_of(fd, SO_TYPE) != SOCK_STREAM || (family != AF_INET && family != AF_INET6))
		return error_set(err, ERR_USAGE, "the inherited socket is no TCP socket");
	if (option_of(fd, SO_ACCEPTCONN) != 1)
		return error_set(err, ERR_USAGE,
				 "the inherited socket does not listen (Accept=yes is not for atolld)");
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		return error_errno(err, errno, "fcntl", "the inherited socket cannot be used");
	describe(fd, out);
	return true;
}

bool net_check(const char *listen, const char *tls_cert, const char *tls_key, struct error *err)
{
	struct addrinfo *found = resolve(listen, err);
	if (!found)
		return false;
	freeaddrinfo(found);
	struct tls *tls = NULL;
	if (tls_cert && !tls_open(tls_cert, tls_key, &tls, err))
		return false;
	tls_close(tls);
	return true;
}

void net_listener_cleanup(struct net_listener *listener)
{
	fd_cleanup(&listener->fd);
}
