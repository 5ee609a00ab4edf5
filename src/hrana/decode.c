#include "hrana/decode.h"

static const char *const kind_names[REQUEST_KIND_COUNT] = {
	[REQUEST_CLOSE] = "close",
	[REQUEST_EXECUTE] = "execute",
	[REQUEST_BATCH] = "batch",
	[REQUEST_SEQUENCE] = "sequence",
	[REQUEST_DESCRIBE] = "describe",
	[REQUEST_STORE_SQL] = "store_sql",
	[REQUEST_CLOSE_SQL] = "close_sql",
	[REQUEST_GET_AUTOCOMMIT] = "get_autocommit",
	[REQUEST_OPEN_STREAM] = "open_stream",
	[REQUEST_CLOSE_STREAM] = "close_stream",
	[REQUEST_OPEN_CURSOR] = "open_cursor",
	[REQUEST_FETCH_CURSOR] = "fetch_cursor",
	[REQUEST_CLOSE_CURSOR] = "close_cursor",
};

const char *decode_kind_name(enum request_kind kind)
{
	return kind_names[kind];
}

void decode_broke(struct decoder *decoder, const char *rule)
{
	if (!decoder->broken)
		decoder->broken = rule;
}

void decode_check_version(struct decoder *decoder, enum request_kind kind)
{
	static const struct {
		int since;
		const char *rule;
	} newer[REQUEST_KIND_COUNT] = {
#define SINCE(number, name)                                                                                  \
	{number, "The `" name "` request is only supported in protocol version hrana" #number " and higher"}
		[REQUEST_SEQUENCE] = SINCE(2, "sequence"),
		[REQUEST_DESCRIBE] = SINCE(2, "describe"),
		[REQUEST_STORE_SQL] = SINCE(2, "store_sql"),
		[REQUEST_CLOSE_SQL] = SINCE(2, "close_sql"),
		[REQUEST_GET_AUTOCOMMIT] = SINCE(3, "get_autocommit"),
		[REQUEST_OPEN_CURSOR] = SINCE(3, "open_cursor"),
		[REQUEST_FETCH_CURSOR] = SINCE(3, "fetch_cursor"),
		[REQUEST_CLOSE_CURSOR] = SINCE(3, "close_cursor"),
#undef SINCE
	};
	if (decoder->version < newer[kind].since)
		decode_broke(decoder, newer[kind].rule);
}

void decode_check_text(struct decoder *decoder, bool has_sql, bool has_id)
{
	if (has_sql && has_id)
		decode_broke(decoder, "Either `sql` or `sql_id` are required, but not both");
	else if (!has_sql && !has_id)
		decode_broke(decoder, "Either `sql` or `sql_id` are required");
	else if (has_id && decoder->version < 2)
		decode_broke(decoder, "`sql_id` is only supported in protocol version hrana2 and higher");
}

void decode_check_reference(struct decoder *decoder, uint32_t step, size_t own_step)
{
	if (step >= own_step)
		decode_broke(decoder, "Invalid reference to step in a batch condition");
}

// Replicas push with it to version 2 (spec/replication.md §6), though that came before it.
void decode_check_autocommit(struct decoder *decoder)
{
	if (decoder->version < (decoder->on_socket ? 3 : 2))
		decode_broke(decoder,
			     "The `is_autocommit` condition is only supported in protocol version hrana3 "
			     "and higher");
}
