# Read by ./dev: the suites of ./dev test, and how their results are counted.
# Every suite adds to `passed` and `failed`; the sum is the last line of the whole run.
# shellcheck shell=bash

all_suites=(tidy unit tsan fuzz integration clients docs console scale crash)
# Those that ask for more than packages: run when they are named.
named_suites=(package)
declare -A build_of=([tidy]=none [unit]=asan [tsan]=tsan [fuzz]=fuzz [integration]=asan [clients]=asan [docs]=asan [console]=asan [scale]=release [crash]=release [package]=none)
log_folder=build-asan/test-logs
passed=0
failed=0
patterns=()
broken=

# Leaks, races and undefined behaviour end the process that has them, also an atolld that a test started.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1:suppressions=$root/test/tsan.supp}

# count SUITE PASSED FAILED [LOG] adds to the sum and prints the suite's line, and the log if anything failed.
count() {
	local suite=$1 good=$2 bad=$3 log=${4:-}
	if [ $((good + bad)) -eq 0 ]; then
		[ ${#patterns[@]} -eq 0 ] || return 0
		bad=1
		echo "$suite ran no test" >>"${log:-/dev/null}"
	fi
	passed=$((passed + good))
	failed=$((failed + bad))
	if [ "$bad" -gt 0 ] && [ -n "$log" ]; then
		echo "---- $suite: $log"
		cat "$log"
		echo "----"
	fi
	printf '%-28s %5d passed %5d failed   %ds\n' "$suite" "$good" "$bad" $((SECONDS - suite_start))
}

wanted_file() {
	local pattern
	[ ${#patterns[@]} -eq 0 ] && return 0
	for pattern in "${patterns[@]}"; do
		[[ $1 == *"$pattern"* ]] && return 0
	done
	return 1
}

# Builds of different kinds run side by side: each waits for one long compile of SQLite.
build_for_tests() {
	local kind pids=() kinds=() i
	for kind in "$@"; do
		case $kind in
		release) build_in build -- >"$log_folder/build-release.log" 2>&1 & ;;
		asan)
			build_in build-asan -- -Dtests=true -Dwerror=true -Doptimization=1 \
				-Db_sanitize=address,undefined -Db_lundef=false \
				"-Dc_args=-fno-sanitize-recover=all -Wno-maybe-uninitialized" \
				>"$log_folder/build-asan.log" 2>&1 &
			;;
		tsan)
			build_in build-tsan concurrent -- -Dtests=true -Dwerror=true -Doptimization=1 \
				-Db_sanitize=thread -Db_lundef=false "-Dc_args=-Wno-tsan -Wno-maybe-uninitialized" \
				>"$log_folder/build-tsan.log" 2>&1 &
			;;
		fuzz) build_fuzzers >"$log_folder/build-fuzz.log" 2>&1 & ;;
		esac
		pids+=($!)
		kinds+=("$kind")
	done
	for i in "${!pids[@]}"; do
		if ! wait "${pids[$i]}"; then
			suite_start=$SECONDS
			count "build-${kinds[$i]}" 0 1 "$log_folder/build-${kinds[$i]}.log"
			broken+=" ${kinds[$i]}"
		fi
	done
}

# run_cmocka SUITE FOLDER [WRAPPER…]: each line of FOLDER/test/unit/SUITE.list is a name and an executable.
run_cmocka() {
	local suite=$1 folder=$2 name path good=0 bad=0 failing
	shift 2
	mkdir -p "$log_folder/$suite"
	rm -f "$log_folder/$suite"/*
	while read -r name path; do
		[ -n "$name" ] && wanted_file "$name" || continue
		printf '%s %s\0' "$name" "$folder/$path"
	done <"$folder/test/unit/$suite.list" |
		xargs -0 -r -P "$jobs" -I{} bash -c '
			log=$1/${2%% *}; log=$1/$(tr / - <<<"${2%% *}").log
			shift; line=$1; shift
			timeout -k 10 300 "$@" "${line#* }" >"$log" 2>&1 </dev/null
			echo "exit status $?" >>"$log"' - "$log_folder/$suite" {} "$@"
	: >"$log_folder/$suite.log"
	for path in "$log_folder/$suite"/*.log; do
		[ -f "$path" ] || continue
		# cmocka closes each group with its sums; a test that died before that has only its OK lines.
		read -r name failing < <(awk '
			/^\[       OK \]/ { ok++ }
			/^\[  FAILED  \] [0-9]+ test\(s\)/ { bad += $4 }
			/^exit status / { status = $3 }
			END { if (status != 0 && bad == 0) bad = 1; print ok + 0, bad + 0 }' "$path")
		good=$((good + name))
		bad=$((bad + failing))
		if [ "$failing" -gt 0 ] || [ "$name" -eq 0 ]; then
			{ echo "== ${path##*/}"; cat "$path"; } >>"$log_folder/$suite.log"
		fi
		if [ "$name" -eq 0 ] && [ "$failing" -eq 0 ]; then
			bad=$((bad + 1))
			echo "this test ran nothing" >>"$log_folder/$suite.log"
		fi
	done
	count "$suite" "$good" "$bad" "$log_folder/$suite.log"
}

# run_node SUITE FILE…: node's own runner, one process a file.
run_node() {
	local suite=$1 log=$log_folder/$1.log file files=() status=0 good bad
	shift
	for file in "$@"; do
		[ -f "$file" ] && wanted_file "$file" && files+=("$file")
	done
	: >"$log"
	if [ ${#files[@]} -gt 0 ]; then
		timeout -k 30 2400 node --test --test-reporter=tap "${files[@]}" >"$log" 2>&1 </dev/null || status=$?
	fi
	read -r good bad < <(awk -v status=$status '
		/^# pass [0-9]+$/ { good += $3 }
		/^# (fail|cancelled) [0-9]+$/ { bad += $3 }
		END { if (status != 0 && bad == 0) bad = 1; print good + 0, bad + 0 }' "$log")
	count "$suite" "$good" "$bad" "$log"
}

suite_tidy() {
	local log=$log_folder/tidy.log good bad
	test/tidy/run >"$log" 2>&1 || true
	read -r good bad < <(awk '/^[0-9]+ passed, [0-9]+ failed$/ { good = $1; bad = $3 } END { print good + 0, bad + 0 }' "$log")
	count tidy "$good" "$bad" "$log"
}

suite_unit() {
	run_cmocka unit build-asan
}

# ThreadSanitizer needs the address space laid out without chance on kernels that randomize it widely.
suite_tsan() {
	local wrapper=(env)
	setarch -R true 2>/dev/null && wrapper=(setarch -R)
	run_cmocka tsan build-tsan "${wrapper[@]}"
}

# A minute each; ./dev fuzz runs them for longer.
suite_fuzz() {
	local log=$log_folder/fuzz.log names=() name good bad
	for name in $(fuzzer_names); do
		wanted_file "test/fuzz/${name}_fuzz.c" && names+=("$name")
	done
	: >"$log"
	[ ${#names[@]} -eq 0 ] || test/fuzz/run build-fuzz 60 "$jobs" "${names[@]}" >"$log" 2>&1 || true
	read -r good bad < <(awk '/^[0-9]+ passed, [0-9]+ failed$/ { good = $1; bad = $3 } END { print good + 0, bad + 0 }' "$log")
	count fuzz "$good" "$bad" "$log"
}

# The packages of other people that judge, and what tests read documents with.
need_test_packages() {
	quietly npm --prefix test/clients ci --ignore-scripts --no-audit --no-fund
}

suite_integration() {
	need_test_packages || {
		count integration 0 1
		return
	}
	ATOLLD=$root/build-asan/atolld ATOLL=$root/build-asan/atoll run_node integration test/integration/*.test.mjs
}

suite_clients() {
	need_test_packages || {
		count clients 0 1
		return
	}
	ATOLLD=$root/build-asan/atolld ATOLL=$root/build-asan/atoll run_node clients test/clients/*.test.mjs
}

# What the pages show is run.
suite_docs() {
	need_test_packages || {
		count docs 0 1
		return
	}
	ATOLLD=$root/build-asan/atolld ATOLL=$root/build-asan/atoll run_node docs test/docs/*.test.mjs
}

# A browser opens every page.
suite_console() {
	quietly npm --prefix test/console ci --ignore-scripts --no-audit --no-fund || {
		count console 0 1
		return
	}
	ATOLLD=$root/build-asan/atolld run_node console test/console/*.test.mjs
}

# Memory and numbers as they are without sanitizers.
suite_scale() {
	ATOLLD=$root/build/atolld ATOLL=$root/build/atoll run_node scale test/scale/*.test.mjs
}

suite_crash() {
	need_test_packages || {
		count crash 0 1
		return
	}
	ATOLLD=$root/build/atolld ATOLL=$root/build/atoll run_node crash test/crash/*.test.mjs
}

# Installs the Debian package in an empty Debian and starts that: as root, where the kernel lets a container have its way.
# Needs some minutes and a mirror of Debian.
suite_package() {
	local log=$log_folder/package.log good bad
	wanted_file test/package/run || return 0
	if [ "$(id -u)" -ne 0 ]; then
		printf '%-28s NOT RUN: only root can start a machine\n' package
		return 0
	fi
	need "${packages_package[@]}" "${packages_package_test[@]}"
	{ (dev_package) && test/package/run build-package; } >"$log" 2>&1 </dev/null || true
	read -r good bad < <(awk '/^[0-9]+ passed, [0-9]+ failed$/ { good = $1; bad = $3; found = 1 }
		END { print good + 0, found ? bad + 0 : 1 }' "$log")
	count package "$good" "$bad" "$log"
}

run_suites() {
	local suites=() suite argument builds=() kind
	for argument in "$@"; do
		if [[ " ${all_suites[*]} ${named_suites[*]} " == *" $argument "* ]]; then
			[[ " ${suites[*]:-} " == *" $argument "* ]] || suites+=("$argument")
		else
			patterns+=("$argument")
		fi
	done
	local everything=no
	if [ ${#suites[@]} -eq 0 ]; then
		suites=("${all_suites[@]}")
		[ ${#patterns[@]} -gt 0 ] || everything=yes
	fi

	mkdir -p "$log_folder"
	suite_start=$SECONDS
	finished=no
	# However the run ends, its last line is the sum, and an early end is a failure.
	trap '[ "$finished" = yes ] || failed=$((failed + 1)); echo "$passed passed, $failed failed"; [ "$failed" -eq 0 ]' EXIT

	need "${packages_build[@]}" "${packages_test[@]}"
	[[ " ${suites[*]} " != *" fuzz "* ]] || need "${packages_fuzz[@]}"
	[[ " ${suites[*]} " != *" console "* ]] || need "${packages_console[@]}"
	need_node
	need_sqlite
	need_console

	for suite in "${suites[@]}"; do
		kind=${build_of[$suite]}
		[[ $kind = none || " ${builds[*]:-} " == *" $kind "* ]] || builds+=("$kind")
	done
	if [ ${#builds[@]} -gt 0 ]; then
		say "building: ${builds[*]}"
		build_for_tests "${builds[@]}"
	fi
	for suite in "${suites[@]}"; do
		suite_start=$SECONDS
		if [[ "$broken " == *" ${build_of[$suite]} "* ]]; then
			echo "$suite: not run, its build failed"
		else
			"suite_$suite"
		fi
	done
	[ "$everything" = no ] || printf '%-28s NOT RUN: run it by name, as root: ./dev test package\n' package
	finished=yes
	if [ $((passed + failed)) -eq 0 ]; then
		echo "no test file has ${patterns[*]} in its path" >&2
		failed=1
	fi
	[ "$failed" -eq 0 ]
}
