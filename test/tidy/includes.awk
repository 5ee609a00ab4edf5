# Which module may include which: the layers of ARCHITECTURE.md. Reads source files, prints what breaks the rule.

BEGIN {
	allow["base"] = ""
	allow["log"] = "base"
	allow["net"] = "base"
	allow["engine"] = "base log"
	allow["fleet"] = "base log engine"
	allow["platform"] = "base engine fleet"
	allow["api"] = "base net platform"
	allow["hrana"] = "base net fleet engine/value.h engine/values.h platform/access.h"
	allow["sync"] = "base net log fleet platform/access.h"
	allow["console"] = "base net"
	allow["cli"] = "base"

	# A foreign library is known to the one place that wraps it.
	home["jansson.h"] = "^src/base/json_read\\.c$"
	home["sodium.h"] = "^src/base/"
	home["microhttpd.h"] = "^src/net/"
	home["wslay/wslay.h"] = "^src/net/"
	home["curl/curl.h"] = "^(src/net|cli)/"
	home["sqlite3.h"] = "^src/engine/"
	home["sqlite3.c"] = "^src/engine/sqlite_core\\.c$"
}

function module_of(path, parts) {
	split(path, parts, "/")
	if (parts[1] == "src")
		return parts[3] == "" ? "main" : parts[2]
	return parts[1]
}

/^[ \t]*#[ \t]*include[ \t]*[<"]/ {
	name = $0
	sub(/^[^<"]*[<"]/, "", name)
	sub(/[>"].*$/, "", name)
	from = module_of(FILENAME)

	if (from != "test" && name in home && FILENAME !~ home[name])
		report("<" name "> belongs to " home[name])

	if ($0 !~ /"/ || name ~ /^sqlite3\.[ch]$/)
		next
	# What the build generates has no folder.
	if (name ~ /\.inc$/)
		next
	if (name !~ /\//) {
		if (from != "test" && from != "cli")
			report("write the path from src/, as in \"base/" name "\"")
		next
	}
	to = name
	sub(/\/.*/, "", to)
	if (from == "main" || from == "test" || from == to)
		next
	if (!may(from, to, name))
		report("\"" name "\": " from " may include only " (allow[from] == "" ? "itself" : allow[from]))
}

function may(from, to, name, list, count, i) {
	count = split(allow[from], list, " ")
	for (i = 1; i <= count; i++)
		if (list[i] == to || list[i] == name)
			return 1
	return 0
}

function report(text) {
	print FILENAME ":" FNR ": " text
}
