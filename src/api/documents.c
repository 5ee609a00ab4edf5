#include "api/documents.h"

#include <zlib.h>

#include "api/handlers.h"
#include "api/openapi.h"
#include "api/state.h"
#include "net/compress.h"

enum { GZIP_WINDOW_BITS = 15 + 16, GZIP_MEMORY_LEVEL = 8 };

static void compress_document(struct document *document)
{
	z_stream stream = {.next_in = (Bytef *)document->plain.data, .avail_in = (uInt)document->plain.size};
	int result = deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW_BITS,
				  GZIP_MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
	ASSERT(result == Z_OK);
	size_t bound = deflateBound(&stream, stream.avail_in);
	stream.next_out = (Bytef *)buffer_reserve(&document->gzip, bound);
	stream.avail_out = (uInt)bound;
	result = deflate(&stream, Z_FINISH);
	ASSERT(result == Z_STREAM_END);
	document->gzip.size = stream.total_out;
	deflateEnd(&stream);
}

void documents_make(struct documents *documents)
{
	struct json *root = openapi_schemas();
	openapi_write_document(root, &documents->openapi.plain);
	openapi_write_page(root, &documents->page.plain);
	buffer_append_text(&documents->style.plain, openapi_style());
	json_read_free(root);
	compress_document(&documents->openapi);
	compress_document(&documents->page);
	compress_document(&documents->style);
}

static void document_cleanup(struct document *document)
{
	buffer_cleanup(&document->plain);
	buffer_cleanup(&document->gzip);
}

void documents_cleanup(struct documents *documents)
{
	document_cleanup(&documents->openapi);
	document_cleanup(&documents->page);
	document_cleanup(&documents->style);
}

static bool serve(struct api_request *req, const struct document *document, const char *type)
{
	const struct buffer *body = &document->plain;
	net_reply_type(req->net, type);
	net_reply_header(req->net, "Content-Security-Policy", "default-src 'none'; style-src 'self'");
	net_reply_header(req->net, "X-Content-Type-Options", "nosniff");
	net_reply_header(req->net, "Cache-Control", "no-cache");
	net_reply_header(req->net, "Vary", "Accept-Encoding");
	if (compress_is_wanted(net_request_header(req->net, "Accept-Encoding"))) {
		body = &document->gzip;
		net_reply_header(req->net, "Content-Encoding", "gzip");
	}
	buffer_append(req->out.out, body->data, body->size);
	return true;
}

bool api_get_openapi(struct api_request *req, struct error *err)
{
	(void)err;
	return serve(req, &req->api->documents.openapi, "application/json");
}

bool api_get_docs(struct api_request *req, struct error *err)
{
	(void)err;
	return serve(req, &req->api->documents.page, "text/html; charset=utf-8");
}

bool api_get_docs_style(struct api_request *req, struct error *err)
{
	(void)err;
	return serve(req, &req->api->documents.style, "text/css; charset=utf-8");
}
