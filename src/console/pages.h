/// pages: what a person sees who opens the server's address in a browser.
#ifndef ATOLL_CONSOLE_PAGES_H
#define ATOLL_CONSOLE_PAGES_H

#include "net/server.h"

/// Stands between the data plane and the Platform API; claims nothing but these pages.
struct net_site pages_site(void);

#endif
