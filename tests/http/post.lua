-- wrk script: POST the file named by the first argument; count the statuses.
local threads = {}

function setup(thread)
	table.insert(threads, thread)
end

function init(args)
	local file = assert(io.open(args[1], "rb"))
	wrk.method = "POST"
	wrk.body = file:read("*a")
	file:close()
	counts = ""
	local_counts = {}
end

function response(status)
	local_counts[status] = (local_counts[status] or 0) + 1
	-- Only plain values of a thread can be read by done().
	local text = ""
	for s, n in pairs(local_counts) do
		text = text .. s .. "=" .. n .. " "
	end
	counts = text
end

function done(summary)
	local total = {}
	for _, thread in ipairs(threads) do
		for s, n in string.gmatch(thread:get("counts"), "(%d+)=(%d+)") do
			total[s] = (total[s] or 0) + tonumber(n)
		end
	end
	local line = "statuses:"
	for s, n in pairs(total) do
		line = line .. " " .. s .. "=" .. n
	end
	local e = summary.errors
	io.write(line, "\n", string.format("socket errors: %d\n", e.connect + e.read + e.write + e.timeout))
end
