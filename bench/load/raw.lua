-- Requests made ahead, one after another, for wrk:
--   wrk -t1 -c64 -d5s -s raw.lua http://HOST:PORT/ -- FILE
-- FILE holds whole HTTP requests, each behind a line with its length in bytes.
local requests, at = {}, 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  while true do
    local length = file:read("*l")
    if not length or length == "" then
      break
    end
    requests[#requests + 1] = file:read(tonumber(length))
  end
  file:close()
  counted = 0
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function response(status)
  if status == 200 then
    counted = counted + 1
  end
end

dofile((debug.getinfo(1, "S").source:sub(2):match("(.*/)") or "./") .. "report.lua")
