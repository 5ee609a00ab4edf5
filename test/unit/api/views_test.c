#include "api/views.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define EXPECT(text, call)                                                                                   \
	do {                                                                                                 \
		OWNED(buffer) struct buffer out = {0};                                                       \
		struct json_writer writer = json_write_to(&out);                                             \
		struct json_writer *w = &writer;                                                             \
		call;                                                                                        \
		assert_string_equal(buffer_text(&out), text);                                                \
	} while (0)

static const struct instance instance = {
	.uuid = "a3446118-ea9d-41ed-a213-a2c7dbd646dc",
	.name = "my-instance",
	.type = "primary",
	.region = "ord",
	.hostname = "3287469dae4185-my-db-my-org.localhost:8080",
};

#define INSTANCE                                                                                             \
	"{\"uuid\":\"a3446118-ea9d-41ed-a213-a2c7dbd646dc\",\"name\":\"my-instance\",\"type\":\"primary\","  \
	"\"region\":\"ord\",\"hostname\":\"3287469dae4185-my-db-my-org.localhost:8080\"}"

static void instances(void **state)
{
	EXPECT("{\"instance\":" INSTANCE "}", view_instance(w, &instance));
	EXPECT("{\"instances\":[]}", view_instances(w, NULL, 0));
	struct instance two[] = {instance, instance};
	EXPECT("{\"instances\":[" INSTANCE "," INSTANCE "]}", view_instances(w, two, 2));
	struct instance_created created = {.instance = instance, .username = "u", .password = "p"};
	EXPECT("{\"instance\":" INSTANCE ",\"password\":\"p\",\"username\":\"u\"}",
	       view_instance_created(w, &created));
}

static void databases(void **state)
{
	static const char *const regions[] = {"ord", "ams"};
	struct database database = {
		.uuid = "u",
		.name = "my-db",
		.hostname = "my-db-my-org.localhost",
		.primary_region = "ord",
		.regions = regions,
		.region_count = 2,
		.group = "",
		.schema = "",
	};
#define DATABASE                                                                                             \
	"{\"Name\":\"my-db\",\"DbId\":\"u\",\"Hostname\":\"my-db-my-org.localhost\",\"IssuedCertLimit\":0,"  \
	"\"IssuedCertCount\":0,\"regions\":[\"ord\",\"ams\"],\"primaryRegion\":\"ord\",\"type\":"            \
	"\"logical\","                                                                                       \
	"\"group\":\"\",\"version\":\"" ATOLL_VERSION "\",\"sleeping\":false,\"archived\":false,"            \
	"\"allow_attach\":false,\"block_reads\":false,\"block_writes\":false,\"is_schema\":false,"           \
	"\"schema\":\"\","                                                                                   \
	"\"delete_protection\":false,\"parent\":null,\"database_type\":\"libsql\"}"
	EXPECT("{\"database\":" DATABASE "}", view_database(w, &database));
	EXPECT("{\"database\":" DATABASE ",\"username\":\"\",\"password\":\"\"}",
	       view_database_created(w, &database));
	EXPECT("{\"databases\":[],\"pagination\":{\"next\":null}}", view_databases(w, NULL, 0, NULL));
	EXPECT("{\"databases\":[" DATABASE "],\"pagination\":{\"next\":\"c\"}}",
	       view_databases(w, &database, 1, "c"));
	struct database_configuration configuration = {.size_limit_bytes = 1048576,
						       .block_writes = true,
						       .history_seconds = HISTORY_AS_SERVER,
						       .history_bytes = 4096};
	EXPECT("{\"size_limit\":\"1048576\",\"allow_attach\":false,\"block_reads\":false,\"block_writes\":"
	       "true,"
	       "\"delete_protection\":false,\"offline_sync\":false,\"history_retention\":\"\",\"history_"
	       "size\":\"4096\","
	       "\"allowed_ips\":[],\"allowed_aws_vpc_ids\":[]}",
	       view_configuration(w, &configuration));
	EXPECT("{\"jwt\":\"a.b.c\"}", view_database_token(w, "a.b.c"));
}

static void tokens(void **state)
{
	struct token token = {.id = "i", .name = "n", .created_ms = 1700000000000};
	EXPECT("{\"tokens\":[{\"name\":\"n\",\"id\":\"i\",\"created_at\":\"2023-11-14\"}]}",
	       view_tokens(w, &token, 1));
	EXPECT("{\"id\":\"i\",\"name\":\"n\",\"token\":\"s\"}", view_token_minted(w, &token, "s"));
	EXPECT("{\"token\":{\"name\":\"n\",\"id\":\"i\",\"value\":\"s\"}}",
	       view_token_minted_wrapped(w, &token, "s"));
	token.organization = "o";
	EXPECT("{\"tokens\":[{\"name\":\"n\",\"id\":\"i\",\"organization\":\"o\",\"created_at\":\"2023-11-"
	       "14\"}]}",
	       view_tokens(w, &token, 1));
	EXPECT("{\"exp\":-1}", view_token_validity(w, -1));
}

static void locations(void **state)
{
	static const struct location ord = {"ord", "Chicago"}, aws = {"aws-us-east-1", "Virginia"},
				     local = {"local", "This machine"};
	const struct location *all[] = {&aws, &local, &ord};
	EXPECT("{\"locations\":{\"aws-us-east-1\":\"Virginia\",\"local\":\"This "
	       "machine\",\"ord\":\"Chicago\"}}",
	       view_locations(w, all, 3));
	EXPECT("{\"locations\":{\"fly\":{\"ord\":\"Chicago\"},\"aws\":{\"aws-us-east-1\":\"Virginia\"},"
	       "\"local\":{\"local\":\"This machine\"}}}",
	       view_locations_by_platform(w, all, 3));
	EXPECT("{\"locations\":{\"fly\":{\"ord\":\"Chicago\"}}}", view_locations_by_platform(w, all + 2, 1));
	EXPECT("{\"location\":{\"code\":\"ord\",\"description\":\"Chicago\",\"closest\":[{\"code\":\"local\","
	       "\"description\":\"This machine\"}]}}",
	       view_location(w, &ord, all + 1, 1));
	EXPECT("{\"server\":\"ord\",\"client\":\"ord\"}", view_closest_region(w, &ord));
}

static void successes_without_output_are_an_empty_object(void **state)
{
	EXPECT("{}", view_nothing(w));
	EXPECT("{\"instance\":\"i\"}", view_name(w, "instance", "i"));
	EXPECT("{\"groups\":[]}", view_groups(w, NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(instances),
		cmocka_unit_test(databases),
		cmocka_unit_test(tokens),
		cmocka_unit_test(locations),
		cmocka_unit_test(successes_without_output_are_an_empty_object),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
