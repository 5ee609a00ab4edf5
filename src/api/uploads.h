/// uploads: what the routes of the Platform API and those on a database's host share of receiving files.
#ifndef ATOLL_API_UPLOADS_H
#define ATOLL_API_UPLOADS_H

#include "base/error.h"

struct net_request;
struct platform;
struct upload_file;

enum { FORM_BYTES_MAX = 64 * 1024 }; // what a multipart form adds to its file

/// The whole body into the file. Fails: as net_request_read and platform_add_to_upload
MUST_USE bool upload_receive(struct net_request *request, struct platform *platform, struct upload_file *file,
			     struct error *err);

/// Names the limit in an error that says that a body was too large. Returns false.
bool upload_name_limit(struct error *err);

#endif
