-- The load for wrk: one of a pool of requests, prepared before the clock starts, so that making them costs the
-- same for every server. Arguments after "--": KIND (select or insert), PATH, TOKEN, CLOSE (close or open: whether
-- the pipeline ends with a close; tursodb does not know it).
-- The last line it prints is JSON; `end_ns` is the monotonic clock when the last answer had come in.
local ffi = require("ffi")
ffi.cdef [[
	struct timespec { long seconds; long nanoseconds; };
	int clock_gettime(int clock, struct timespec *out);
]]

local bodies = {
	select = '{"requests":[{"type":"execute","stmt":{"sql":"SELECT id, name, value FROM item WHERE id = ?",'
		.. '"args":[{"type":"integer","value":"%d"}]}}%s]}',
	insert = '{"requests":[{"type":"execute","stmt":{"sql":"INSERT INTO entry (name, value) VALUES (?, ?)",'
		.. '"args":[{"type":"text","value":"entry number %06d"},{"type":"integer","value":"%d"}]}}%s]}',
}
local pool, pool_size, at = {}, 20000, 0

function init(args)
	local kind, path, token = args[1], args[2], args[3]
	local close = args[4] == "close" and ',{"type":"close"}' or ""
	local headers = {
		["Authorization"] = "Bearer " .. token,
		["Content-Type"] = "application/json",
	}
	math.randomseed(20240229)
	for i = 1, pool_size do
		local key = 100000 + math.random(0, 99999)
		local body = kind == "select" and bodies.select:format(key, close) or bodies.insert:format(key, key, close)
		pool[i] = wrk.format("POST", path, headers, body)
	end
end

function request()
	at = at % pool_size + 1
	return pool[at]
end

function done(summary, latency)
	local now = ffi.new("struct timespec")
	ffi.C.clock_gettime(1, now)
	local errors = summary.errors
	io.write(string.format(
		'{"requests":%d,"us":%d,"refused":%d,"broken":%d,"p50_us":%d,"p99_us":%d,"end_ns":"%d%09d"}\n',
		summary.requests, summary.duration, errors.status,
		errors.connect + errors.read + errors.write + errors.timeout,
		latency:percentile(50), latency:percentile(99),
		tonumber(now.seconds), tonumber(now.nanoseconds)))
end
