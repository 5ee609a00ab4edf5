/// web: the console, a page for browsers: "/" and all below /console/. It holds no data of anybody: what it shows it asks of the
/// Platform API, with the token of whoever signs in.
#ifndef ATOLL_CONSOLE_WEB_H
#define ATOLL_CONSOLE_WEB_H

#include "net/server.h"

/// Stands between the data plane and the Platform API; claims what it can answer. A path below /console/ that is no file is a
/// place inside the page, and gets the page.
struct net_site web_site(void);

#endif
