// The one table of what the program can do. Its rows stand in a file for each noun.

#include "cli/commands/commands.h"

// clang-format off
#define YES         {"yes", 'y', NULL, "do not ask"}
#define IMAGE       {"image", 0, "latest|canary", "server version (default latest)"}
#define CREDENTIALS {"credentials", 0, NULL, "print user and password of the new instance (shown only now)"}
#define WAIT        {"wait", 'w', NULL, "wait until the instances can serve (default)"}
#define NO_WAIT     {"no-wait", 0, NULL, "do not wait until the instances can serve"}
#define EXPIRATION  {"expiration", 'e', "DURATION", "how long it is good: 7d, 2w1d, 90m, never (default)"}
#define READ_ONLY   {"read-only", 'r', NULL, "for reading only"}
#define PERMISSIONS {"permissions", 'p', "TABLES:ACTIONS", "only this, as in users,posts:data_read; all for all tables"}
#define ATTACH      {"attach", 0, "DATABASE", "may attach this database and read it; more than once for more"}
#define ADMIN       {"admin", 'a', NULL, "as an administrator of the organization"}
#define ROLE        {"role", 0, "admin|member|viewer", "role (default member)"}
#define SINCE       {"from", 0, "TIME", "beginning: 2026-01-31T12:00:00Z (default: of this month)"}
#define UNTIL       {"to", 0, "TIME", "end (default: now)"}
#define BASH_HOW    "In ~/.bashrc: source <(atoll completion bash)"
#define ZSH_HOW     "In ~/.zshrc, after compinit: source <(atoll completion zsh)"
#define FISH_HOW    "In ~/.config/fish/config.fish: atoll completion fish | source"

const struct command commands[] = {
#include "cli/commands/auth.def"
#include "cli/commands/backup.def"
#include "cli/commands/db.def"
#include "cli/commands/group.def"
#include "cli/commands/org.def"
#include "cli/commands/other.def"
};
// clang-format on

const size_t command_count = ARRAY_LENGTH(commands);
