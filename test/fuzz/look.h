// Touches all that a decoder promises of what it took.
#ifndef ATOLL_TEST_FUZZ_LOOK_H
#define ATOLL_TEST_FUZZ_LOOK_H

#include <string.h>

#include "hrana/decode.h"

static inline void look_at_value(const struct value *value)
{
	static volatile char sum;
	ASSERT(value->kind <= VALUE_BLOB);
	if (value->kind == VALUE_TEXT || value->kind == VALUE_BLOB) {
		for (size_t i = 0; i < value->size; i++)
			sum = (char)(sum ^ value->bytes[i]);
	}
}

static inline void look_at_condition(const struct condition *condition)
{
	ASSERT(condition->kind <= CONDITION_AUTOCOMMIT);
	for (size_t i = 0; i < condition->part_count; i++)
		look_at_condition(&condition->parts[i]);
}

static inline void look_at_step(const struct step *step)
{
	const struct statement *statement = &step->statement;
	ASSERT(!statement->sql || statement->sql[statement->sql_size] == '\0');
	for (size_t i = 0; i < statement->arg_count; i++)
		look_at_value(&statement->args[i]);
	for (size_t i = 0; i < statement->named_arg_count; i++) {
		(void)strlen(statement->named_args[i].name);
		look_at_value(&statement->named_args[i].value);
	}
	if (step->condition)
		look_at_condition(step->condition);
}

static inline void look_at_batch(const struct batch *batch)
{
	for (size_t i = 0; i < batch->step_count; i++)
		look_at_step(&batch->steps[i]);
}

static inline void look_at_request(const struct request *request)
{
	ASSERT(request->kind < REQUEST_KIND_COUNT && decode_kind_name(request->kind));
	look_at_step(&request->step);
	look_at_batch(&request->batch);
}

static inline void look_at_pipeline(const struct pipeline *pipeline)
{
	static volatile char last UNUSED; // so that it is read
	if (pipeline->baton && pipeline->baton_size > 0)
		last = pipeline->baton[pipeline->baton_size - 1];
	for (size_t i = 0; i < pipeline->request_count; i++) {
		ASSERT(pipeline->requests[i].kind < REQUEST_OPEN_STREAM);
		look_at_request(&pipeline->requests[i]);
	}
}

static inline void look_at_message(const struct message *message)
{
	ASSERT(!message->jwt || message->jwt[message->jwt_size] == '\0');
	if (message->kind == MESSAGE_REQUEST)
		look_at_request(&message->request);
}

#endif
