// Files that come and go as they are: bodies are read and replies sent piece by piece.

#include "api/uploads.h"

#include <string.h>

#include "api/handlers.h"
#include "api/state.h"
#include "api/views.h"
#include "net/multipart.h"
#include "platform/upload.h"

enum { PIECE_BYTES = 64 * 1024 };

bool upload_name_limit(struct error *err)
{
	static const char limit[] = "upload-size-max";
	struct error told = *err;
	if (err->code == ERR_BODY_TOO_LARGE && !strstr(err->message, limit))
		error_set(err, err->code, "%s (limit %s)", told.message, limit);
	return false;
}

bool upload_receive(struct net_request *request, struct platform *platform, struct upload_file *file,
		    struct error *err)
{
	char piece[PIECE_BYTES];
	size_t got;
	do {
		if (!net_request_read(request, piece, sizeof(piece), &got, err) ||
		    !platform_add_to_upload(platform, file, piece, got, err))
			return upload_name_limit(err);
	} while (got > 0);
	return true;
}

static bool receive_part(struct api_request *req, struct multipart *form, struct upload_file *file,
			 struct error *err)
{
	char piece[PIECE_BYTES];
	size_t got;
	do {
		if (!multipart_read(form, piece, sizeof(piece), &got, err) ||
		    !platform_add_to_upload(req->platform, file, piece, got, err))
			return upload_name_limit(err);
	} while (got > 0);
	return true;
}

static bool open_form(struct api_request *req, struct multipart **out, struct error *err)
{
	return multipart_open(net_request_header(req->net, "Content-Type"), "file",
			      multipart_source_of(req->net), out, err);
}

bool api_upload_dump(struct api_request *req, struct error *err)
{
	OWNED(multipart) struct multipart *form = NULL;
	OWNED(upload_file) struct upload_file file = {.fd = -1, .path = NULL};
	char secret[CRYPT_SECRET_TEXT_BYTES];
	if (!open_form(req, &form, err) || !platform_begin_upload(req->platform, &file, err) ||
	    !receive_part(req, form, &file, err) ||
	    !platform_keep_dump(req->platform, &req->organization, &file, secret, err))
		return false;
	view_dump(&req->out, arena_printf(req->arena, "%s/v1/organizations/%s/databases/dumps/%s",
					  req->api->url, req->organization.slug, secret));
	return true;
}

bool api_seed_database(struct api_request *req, struct error *err)
{
	OWNED(multipart) struct multipart *form = NULL;
	OWNED(upload_file) struct upload_file file = {.fd = -1, .path = NULL};
	if (!open_form(req, &form, err) || !platform_check_seed(req->platform, &req->database, err) ||
	    !platform_begin_upload(req->platform, &file, err) || !receive_part(req, form, &file, err) ||
	    !platform_seed_database(req->platform, &req->caller, &req->database, &file, err))
		return false;
	view_nothing(&req->out);
	return true;
}

bool api_export_database(struct api_request *req, struct error *err)
{
	int fd;
	uint64_t size;
	if (!platform_export_database(req->platform, &req->database, &fd, &size, err))
		return false;
	net_reply_type(req->net, "application/vnd.sqlite3");
	net_reply_header(req->net, "Content-Disposition",
			 arena_printf(req->arena, "attachment; filename=\"%s.db\"", req->database.name));
	net_reply_file(req->net, fd, size);
	return true;
}
