// The one table of what the program can do.

#include "cli/commands/commands.h"

#define YES                                                                                                  \
	{                                                                                                    \
		"yes", 'y', NULL, "do not ask"                                                               \
	}
#define IMAGE                                                                                                \
	{                                                                                                    \
		"image", 0, "IMAGE", "latest (default) or canary"                                            \
	}
#define CREDENTIALS                                                                                          \
	{                                                                                                    \
		"credentials", 0, NULL, "print user and password of the new instance (shown only now)"       \
	}
#define NO_WAIT                                                                                              \
	{                                                                                                    \
		"no-wait", 0, NULL, "do not wait until the instance can serve"                               \
	}
#define WAIT                                                                                                 \
	{                                                                                                    \
		"wait", 'w', NULL, "wait until the instance can serve (default)"                             \
	}

const struct command commands[] = {
	{"auth login", "", "Store the address of a server and a token for it",
	 "The token is checked first and then kept in the configuration file, readable for you only. "
	 "Without\n"
	 "--token it is asked for, or read from standard input: atoll auth login --url URL < token-file.",
	 .run = command_auth_login},
	{"auth logout", "", "Forget the stored token", .run = command_auth_logout},
	{"auth whoami", "", "Show the user of the token", .run = command_auth_whoami},
	{"auth token", "", "Print the token in use, after checking it", .run = command_auth_token},
	{"auth api-tokens mint", "NAME", "Make a platform token and print it",
	 "With --org on the command line the token is good for that organization only.",
	 .run = command_api_tokens_mint},
	{"auth api-tokens list", "", "List your platform tokens", .run = command_api_tokens_list},
	{"auth api-tokens revoke", "NAME", "Revoke a platform token", .run = command_api_tokens_revoke},

	{"org list", "", "List your organizations", .run = command_org_list},
	{"org switch", "SLUG", "Work on another organization from now on", .run = command_org_switch},
	{"org show", "[SLUG]", "Show an organization", .run = command_org_show},
	{"org members list", "", "List the members of the organization", .run = command_org_members},

	{"db create",
	 "[NAME]",
	 "Create a database",
	 "Without --location the database has no instance yet; \"atoll db replicate\" creates the first one, "
	 "the\n"
	 "primary. Without a name a readable one is made up.",
	 {{"location", 0, "CODE", "also create the primary instance there, and wait for it"},
	  IMAGE,
	  CREDENTIALS},
	 command_db_create},
	{"db list", "", "List databases", .run = command_db_list},
	{"db show",
	 "NAME",
	 "Show a database and its instances",
	 "With one of the options only those addresses are printed.",
	 {{"url", 0, NULL, "the address for clients"},
	  {"http-url", 0, NULL, "the address for HTTP"},
	  {"instance-urls", 0, NULL, "the address of each instance"}},
	 command_db_show},
	{"db destroy",
	 "NAME…",
	 "Destroy databases, or instances of one",
	 "The primary instance is destroyed only together with its database.",
	 {{"instance", 0, "INSTANCE", "only this instance"},
	  {"location", 0, "CODE", "only the replicas in this location"},
	  YES},
	 command_db_destroy},
	{"db replicate",
	 "NAME LOCATION [INSTANCE_NAME]",
	 "Create an instance of a database in a location",
	 "The first instance of a database is its primary, every further one a replica.",
	 {IMAGE, WAIT, NO_WAIT, CREDENTIALS},
	 command_db_replicate},
	{"db instances", "NAME", "List the instances of a database", .run = command_db_instances},
	{"db locations", "", "List the locations in which instances can live", .run = command_db_locations},
	{"db tokens create",
	 "NAME",
	 "Make a token that opens a database, and print it",
	 NULL,
	 {{"expiration", 'e', "DURATION", "how long it is good: 7d, 2w1d, 90m, never (default)"},
	  {"read-only", 'r', NULL, "for reading only"}},
	 command_db_tokens_create},
	{"db tokens invalidate",
	 "NAME",
	 "Make all tokens of a database worthless",
	 NULL,
	 {YES},
	 command_db_tokens_invalidate},
	{"db inspect", "NAME", "Show instances, sizes, tables and usage of a database",
	 .run = command_db_inspect},
	{"db shell",
	 "NAME|URL [SQL]",
	 "Run SQL, from the keyboard, the argument or standard input",
	 "A URL is opened as it is (libsql, https, http, wss or ws), with the token from --token, "
	 "?authToken=,\n"
	 "TURSO_AUTH_TOKEN or LIBSQL_AUTH_TOKEN, or with its user and password. On a terminal lines can be "
	 "edited\n"
	 "and recalled; \".help\" there lists more. Otherwise the first statement that fails ends the run.",
	 {{"instance", 0, "INSTANCE", "ask this instance"},
	  {"location", 0, "CODE", "ask an instance in this location"},
	  {"mode", 'm', "MODE", "table (default), list, csv, json, line or markdown"},
	  {"no-headers", 0, NULL, "no names of columns"},
	  {"read-only", 'r', NULL, "with a token that can only read"},
	  {"proxy", 0, "URL", "through this HTTP proxy"}},
	 command_db_shell},

	{"config show", "", "Show the settings in force and where each comes from",
	 .run = command_config_show},
	{"health", "", "Ask whether the server is alive (for container health checks)",
	 "Needs no token. The exit status tells: 0 alive, 1 answers but is not well, 3 does not answer.",
	 .run = command_health},
};

const size_t command_count = ARRAY_LENGTH(commands);
