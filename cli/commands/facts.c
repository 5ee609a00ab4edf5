#include "cli/commands/facts.h"

#include <inttypes.h>
#include <string.h>

#include "cli/format.h"

struct table facts_table(void)
{
	return table_of((const char *const[]){"", ""}, 2);
}

void facts_add(struct table *facts, const char *title, const char *value)
{
	if (!value || !*value)
		return;
	table_add(facts, title);
	table_add(facts, value);
}

void facts_add_bytes(struct table *facts, const char *title, uint64_t bytes)
{
	char text[32];
	format_bytes(bytes, text, sizeof(text));
	table_add(facts, title);
	table_add_number(facts, text, strlen(text));
}

void facts_add_count(struct table *facts, const char *title, uint64_t count)
{
	char text[32];
	snprintf(text, sizeof(text), "%" PRIu64, count);
	table_add(facts, title);
	table_add_number(facts, text, strlen(text));
}

void facts_print(struct table *facts)
{
	table_print(facts, stdout, TABLE_UNTITLED);
}

const char *facts_joined(struct call *call, const struct json *texts)
{
	const char *all = "";
	for (size_t i = 0; i < json_read_size(texts); i++)
		all = arena_printf(call->arena, "%s%s%s", all, *all ? ", " : "",
				   json_read_text(json_read_at(texts, i), NULL));
	return all;
}
