#include "api/views.h"

void view_dump(struct json_writer *w, const char *url)
{
	json_write_object(w);
	json_write_member_text(w, "dump_url", url);
	json_write_end_object(w);
}

void view_upload_started(struct json_writer *w, const char *id, uint64_t chunk_bytes)
{
	json_write_object(w);
	json_write_key(w, "chunk_size");
	json_write_integer(w, (int64_t)chunk_bytes);
	json_write_member_text(w, "upload_id", id);
	json_write_end_object(w);
}
