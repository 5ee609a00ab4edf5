/// upload_site: the routes on a database's host through which its content comes (spec/platform-api.md §3.13). A site for
/// net/server of its own, before that of the SQL protocol: it claims nothing but these paths, with a token of the
/// database instead of the platform's.
#ifndef ATOLL_API_UPLOAD_SITE_H
#define ATOLL_API_UPLOAD_SITE_H

#include "api/api.h"

/// Part of the api: lives as long.
struct net_site upload_site(struct api *api);

#endif
