-- Shared by the load scripts: counts what each thread says in `counted` and prints one line that bench/wrk.py reads.
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function done(summary, latency)
  local total = 0
  for _, thread in ipairs(threads) do
    total = total + (thread:get("counted") or 0)
  end
  local errors = summary.errors
  io.write(string.format("load messages %d seconds %.3f p50_ms %.3f p99_ms %.3f bad %d\n", total, summary.duration / 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.status + errors.connect + errors.read + errors.timeout))
end
