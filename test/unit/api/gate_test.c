#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/api.h"
#include "base/clock.h"
#include "base/crypt.h"
#include "base/disk.h"
#include "base/workers.h"
#include "engine/query.h"
#include "fleet/fleet.h"
#include "net/server.h"
#include "platform/internal.h"
#include "platform/platform.h"
#include "platform/token.h"

// A real server on a store with several users: "ann" owns the organization "acme", in which "vic" is a viewer, "mel" a
// member, and "sam" is a stranger.

static struct world {
	char folder[64];
	struct workers *workers;
	struct fleet *fleet;
	struct platform *platform;
	struct api *api;
	struct net_server *server;
	struct arena arena;
	const char *ann, *vic, *mel, *sam; // tokens
} world;

struct answer {
	int status;
	struct buffer text; // head and body
};

static void answer_cleanup(struct answer *answer)
{
	buffer_cleanup(&answer->text);
}

static void must(bool done, const struct error *err)
{
	if (!done)
		fail_msg("%s (%s)", err->message, err->detail);
}

// -- world --------------------------------------------------------------------------------------------

static int64_t organization_row(struct store_txn *txn, const char *slug)
{
	struct query *q = store_query(txn, "SELECT id FROM organization WHERE slug = :slug");
	query_bind_text(q, ":slug", slug);
	return sql_single(q);
}

static const char *add_user(const char *username, const char *role)
{
	struct error err;
	OWNED(store_txn) struct store_txn *txn = NULL;
	must(store_begin(world.platform->store, STORE_WRITE, &txn, &err), &err);
	struct query *q = sql_query(txn, SQL_ADD_USER);
	query_bind_text(q, ":username", username);
	query_bind_integer(q, ":now", clock_wall_ms());
	int64_t user = sql_single(q);

	char uuid[CRYPT_UUID_TEXT_BYTES];
	crypt_uuid(uuid);
	q = sql_query(txn, SQL_ADD_ORGANIZATION);
	query_bind_text(q, ":uuid", uuid);
	query_bind_text(q, ":slug", username);
	query_bind_text(q, ":name", "personal");
	query_bind_text(q, ":type", "personal");
	query_bind_integer(q, ":creator", user);
	query_bind_integer(q, ":now", clock_wall_ms());
	int64_t personal = sql_single(q);

	const char *roles[] = {"owner", role};
	int64_t organizations[] = {personal, organization_row(txn, "acme")};
	for (int i = 0; i < 2; i++) {
		if (!roles[i])
			continue;
		q = sql_org_query(txn, SQL_ADD_MEMBER, organizations[i]);
		query_bind_integer(q, ":user", user);
		query_bind_text(q, ":role", roles[i]);
		query_bind_integer(q, ":now", clock_wall_ms());
		query_run(q);
	}
	must(store_commit(&txn, &err), &err);
	const char *secret;
	must(platform_mint_operator_token(world.platform, username, &world.arena, &secret, &err), &err);
	return secret;
}

static int open_world(void **state)
{
	struct error err;
	must(crypt_start(&err), &err);
	snprintf(world.folder, sizeof(world.folder), "/tmp/atoll-gate-XXXXXX");
	assert_non_null(mkdtemp(world.folder));
	must(workers_start(16, 4, &world.workers, &err), &err);

	struct fleet_options fleet = {
		.data_folder = world.folder,
		.workers = world.workers,
		.limits = {.statement_ms_max = 5000,
			   .transaction_ms_max = 5000,
			   .lane_wait_ms_max = 5000,
			   .sql_bytes_max = 100000,
			   .connections_per_instance_max = 16,
			   .row_bytes_max = 5000000},
		.log_bytes_max = 64 << 20,
	};
	must(fleet_open(&fleet, &world.fleet, &err), &err);
	struct platform_options platform = {.fleet = world.fleet, .domain = "localhost"};
	must(platform_open(&platform, &world.platform, &err), &err);
	char file[128];
	snprintf(file, sizeof(file), "%s/bootstrap.json", world.folder);
	struct platform_bootstrap first = {
		.organization = "acme", .username = "ann", .url = "http://127.0.0.1", .file = file};
	bool created;
	must(platform_bootstrap(world.platform, &first, &created, &err), &err);
	must(platform_mint_operator_token(world.platform, "ann", &world.arena, &world.ann, &err), &err);
	world.vic = add_user("vic", "viewer");
	world.mel = add_user("mel", "member");
	world.sam = add_user("sam", NULL);

	struct api_options options = {
		.platform = world.platform, .cors_origin = "https://console.example", .wait_ms_max = 300};
	must(api_open(&options, &world.api, &err), &err);
	static struct net_site sites[1];
	sites[0] = api_site(world.api);
	struct net_options net = {
		.listen = "127.0.0.1:0",
		.thread_count = 1,
		.workers = world.workers,
		.sites = sites,
		.site_count = 1,
		.connections_max = 64,
		.head_bytes_max = 16384,
		.idle_timeout_s = 30,
	};
	must(net_server_start(&net, &world.server, &err), &err);
	return 0;
}

static int close_world(void **state)
{
	struct error err;
	api_drain(world.api);
	net_server_drain(world.server, clock_monotonic_ms() + 5000);
	net_server_stop(world.server);
	api_close(world.api);
	fleet_close(world.fleet);
	workers_stop(world.workers);
	platform_close(world.platform);
	arena_cleanup(&world.arena);
	must(disk_remove_tree(world.folder, &err), &err);
	return 0;
}

// -- asking -------------------------------------------------------------------------------------------

static struct answer ask(const char *method, const char *path, const char *token, const char *body)
{
	struct answer answer = {0};
	OWNED(buffer) struct buffer out = {0};
	buffer_printf(&out, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", method, path);
	if (token)
		buffer_printf(&out, "Authorization: Bearer %s\r\n", token);
	buffer_printf(&out, "Content-Length: %zu\r\n\r\n%s", strlen(body), body);

	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	to.sin_port = htons((uint16_t)strtoul(strrchr(net_server_address(world.server), ':') + 1, NULL, 10));
	OWNED(fd) int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(send(fd, out.data, out.size, MSG_NOSIGNAL), (ssize_t)out.size);
	for (;;) {
		char *at = buffer_reserve(&answer.text, 4096);
		ssize_t got = recv(fd, at, 4096, 0);
		if (got <= 0)
			break;
		answer.text.size += (size_t)got;
	}
	if (sscanf(buffer_text(&answer.text), "HTTP/1.1 %d", &answer.status) != 1)
		fail_msg("no answer to %s %s", method, path);
	return answer;
}

static void expect(const char *method, const char *path, const char *token, const char *body, int status,
		   const char *part)
{
	OWNED(answer) struct answer answer = ask(method, path, token, body);
	if (answer.status != status || !strstr(buffer_text(&answer.text), part))
		fail_msg("%s %s: expected %d %s, got: %s", method, path, status, part,
			 buffer_text(&answer.text));
}

#define ACME "/v1/organizations/acme"

// -- cases --------------------------------------------------------------------------------------------

static void a_stranger_is_no_member(void **state)
{
	const char *refusal = "{\"error\":\"not a member of organization acme\",\"code\":\"not_a_member\"}";
	expect("GET", ACME, world.sam, "", 403, refusal);
	expect("GET", ACME "/databases", world.sam, "", 403, refusal);
	expect("GET", ACME "/databases/none", world.sam, "", 403, refusal);
	expect("POST", ACME "/databases/none/instances", world.sam, "{", 403, refusal);
	expect("DELETE", ACME "/databases/none", world.sam, "", 403, refusal);
	expect("GET", "/v1/organizations/nobody", world.sam, "", 404,
	       "{\"error\":\"organization not found\",\"code\":\"org_not_found\"}");
}

static void a_viewer_only_looks(void **state)
{
	const char *refusal = "\"code\":\"insufficient_role\"}";
	expect("POST", ACME "/databases", world.ann, "{\"name\":\"seen\"}", 200, "\"Name\":\"seen\"");
	expect("GET", ACME "/databases", world.vic, "", 200, "\"Name\":\"seen\"");
	expect("GET", ACME "/databases/seen/instances", world.vic, "", 200, "{\"instances\":[]}");
	expect("GET", ACME "/members", world.vic, "", 200, "\"username\":\"vic\",\"role\":\"viewer\"");
	expect("POST", ACME "/databases", world.vic, "{\"name\":\"mine\"}", 403, refusal);
	expect("DELETE", ACME "/databases/seen", world.vic, "", 403, refusal);
	expect("POST", ACME "/databases/seen/instances", world.vic, "{\"location\":\"ord\"}", 403, refusal);
	expect("POST", ACME "/databases/seen/auth/tokens", world.vic, "", 403, refusal);
	expect("POST", ACME "/databases/seen/auth/rotate", world.vic, "", 403, refusal);
	// The role is looked at before the database: a viewer learns nothing by trying names to delete.
	expect("DELETE", ACME "/databases/none", world.vic, "", 403, refusal);
}

static void a_member_does_everything_with_databases(void **state)
{
	expect("POST", ACME "/databases", world.mel, "{\"name\":\"ledger\"}", 200, "\"Name\":\"ledger\"");
	expect("POST", ACME "/databases/ledger/instances", world.mel, "{\"location\":\"ord\"}", 200,
	       "\"type\":\"primary\"");
	expect("POST", ACME "/databases/ledger/auth/tokens", world.mel, "", 200, "{\"jwt\":\"");
	expect("POST", ACME "/databases/ledger/auth/rotate", world.mel, "", 200, "{}");
	expect("DELETE", ACME "/databases/ledger", world.mel, "", 200, "{\"database\":\"ledger\"}");
}

static void the_same_name_in_another_organization_is_another_database(void **state)
{
	expect("POST", "/v1/databases", world.sam, "{\"name\":\"alone\"}", 200, "\"Name\":\"alone\"");
	expect("GET", "/v1/organizations/sam/databases/alone", world.sam, "", 200, "\"Name\":\"alone\"");
	expect("GET", ACME "/databases/alone", world.ann, "", 404,
	       "{\"error\":\"could not find database with name [alone]: record not found\","
	       "\"code\":\"database_not_found\"}");
	expect("POST", ACME "/databases/alone/instances", world.ann, "{\"location\":\"ord\"}", 404,
	       "database_not_found");
	expect("GET", "/v1/organizations/sam/databases/alone", world.ann, "", 403, "not_a_member");
}

static void a_restricted_token_stays_in_its_organization(void **state)
{
	struct error err;
	struct caller caller;
	struct token token;
	const char *narrow;
	must(platform_authenticate(world.platform, world.mel, &world.arena, &caller, &err), &err);
	struct token_wish wish = {.name = "narrow", .organization = "acme"};
	must(platform_mint_token(world.platform, &caller, &wish, &world.arena, &token, &narrow, &err), &err);
	expect("GET", ACME "/databases", narrow, "", 200, "\"databases\":[");
	expect("GET", "/v1/organizations/mel", world.mel, "", 200, "\"slug\":\"mel\"");
	expect("GET", "/v1/organizations/mel", narrow, "", 403, "not_a_member");
	// Without an organization in the path, the token's own is meant.
	expect("POST", "/v1/databases", narrow, "{\"name\":\"narrow\"}", 200, "\"Hostname\":\"narrow-acme.");
	expect("POST", "/v1/auth/api-tokens/wide", narrow, "", 403, "\"code\":\"");
}

static void looks_in_the_order_of_the_specification(void **state)
{
	// Each request is wrong in everything that comes after what the answer names.
	expect("POST", "/v1/organizations/nobody/databases/none/instances", NULL, "{", 401,
	       "missing authorization header");
	expect("POST", "/v1/organizations/nobody/databases/none/instances", "x", "{", 401, "invalid token");
	expect("POST", "/v1/organizations/nobody/databases/none/instances", world.ann, "{", 404,
	       "org_not_found");
	expect("POST", ACME "/databases/none/instances", world.sam, "{", 403, "not_a_member");
	expect("POST", ACME "/databases/none/instances", world.vic, "{", 403, "insufficient_role");
	expect("POST", ACME "/databases/none/instances", world.mel, "{", 404, "database_not_found");
	expect("POST", ACME "/databases", world.mel, "{", 400, "bad_json");
}

static void browsers_of_the_configured_origin_may_ask(void **state)
{
	const char *origin = "Access-Control-Allow-Origin: https://console.example\r\n";
	expect("OPTIONS", ACME "/databases", NULL, "", 204, origin);
	expect("OPTIONS", ACME "/databases", NULL, "", 204, "Access-Control-Allow-Headers: Authorization,");
	expect("GET", ACME "/databases", world.ann, "", 200, origin);
	expect("GET", ACME "/databases", NULL, "", 401, origin);
	expect("GET", "/nowhere", NULL, "", 404, origin);
	expect("PUT", ACME "/databases", world.ann, "", 405, origin);
	expect("OPTIONS", "/nowhere", NULL, "", 404, origin);
}

static void an_answer_kept_for_one_caller_is_not_another_ones(void **state)
{
	expect("POST", ACME "/databases", world.ann, "{\"name\":\"keyed\"}", 200, "\"Name\":\"keyed\"");
	struct {
		const char *token;
		const char *type;
	} asked[] = {{world.ann, "primary"}, {world.mel, "replica"}, {world.ann, "primary"}};
	for (size_t i = 0; i < ARRAY_LENGTH(asked); i++) {
		// The header goes along behind the token.
		OWNED(buffer) struct buffer line = {0};
		buffer_printf(&line, "%s\r\nIdempotency-Key: same", asked[i].token);
		OWNED(buffer) struct buffer part = {0};
		buffer_printf(&part, "\"type\":\"%s\"", asked[i].type);
		expect("POST", ACME "/databases/keyed/instances", buffer_text(&line),
		       "{\"location\":\"ord\"}", 200, buffer_text(&part));
	}
	expect("POST", ACME "/databases/keyed/instances", world.sam, "{\"location\":\"ord\"}", 403,
	       "not_a_member");
}

// As a crash or a full disk leaves one behind; the fleet knows nothing of it.
static void add_instance(const char *database, const char *name, const char *state, const char *failure)
{
	struct error err;
	OWNED(store_txn) struct store_txn *txn = NULL;
	must(store_begin(world.platform->store, STORE_WRITE, &txn, &err), &err);
	struct query *q = store_query(
		txn, "INSERT INTO instance (uuid, database, name, type, location, image, label, state,"
		     " failure, created_ms) SELECT :uuid, id, :name, 'replica', 'nrt', 'latest', :name,"
		     " :state, :failure, 0 FROM database WHERE name = :database");
	char uuid[CRYPT_UUID_TEXT_BYTES];
	crypt_uuid(uuid);
	query_bind_text(q, ":uuid", uuid);
	query_bind_text(q, ":name", name);
	query_bind_text(q, ":state", state);
	query_bind_text(q, ":failure", failure);
	query_bind_text(q, ":database", database);
	assert_int_equal(query_run(q), 1);
	must(store_commit(&txn, &err), &err);
}

static void waiting_ends_with_ready_or_with_a_reason(void **state)
{
	expect("POST", ACME "/databases", world.ann, "{\"name\":\"slow\"}", 200, "\"Name\":\"slow\"");
	add_instance("slow", "late", "creating", NULL);
	expect("GET", ACME "/databases/slow/instances/late/wait", world.ann, "", 503,
	       "{\"error\":\"instance late is not ready\",\"code\":\"not_ready\"}");
	expect("GET", ACME "/databases/slow/instances/late/wait", world.ann, "", 503, "Retry-After: 1\r\n");
	add_instance("slow", "broken", "failed", "disk or quota is full");
	expect("GET", ACME "/databases/slow/instances/broken/wait", world.ann, "", 400,
	       "disk or quota is full");
	expect("GET", ACME "/databases/slow/instances/none/wait", world.ann, "", 404,
	       "{\"error\":\"could not find instance none of database "
	       "slow\",\"code\":\"instance_not_found\"}");
	expect("GET", ACME "/databases/slow/instances", world.ann, "", 200, "\"name\":\"broken\"");
	expect("DELETE", ACME "/databases/slow/instances/broken", world.ann, "", 200,
	       "{\"instance\":\"broken\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stranger_is_no_member),
		cmocka_unit_test(a_viewer_only_looks),
		cmocka_unit_test(a_member_does_everything_with_databases),
		cmocka_unit_test(the_same_name_in_another_organization_is_another_database),
		cmocka_unit_test(a_restricted_token_stays_in_its_organization),
		cmocka_unit_test(looks_in_the_order_of_the_specification),
		cmocka_unit_test(browsers_of_the_configured_origin_may_ask),
		cmocka_unit_test(waiting_ends_with_ready_or_with_a_reason),
		cmocka_unit_test(an_answer_kept_for_one_caller_is_not_another_ones),
	};
	return cmocka_run_group_tests(tests, open_world, close_world);
}
