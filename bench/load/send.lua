-- SendMessage or SendMessageBatch over AWS JSON, unsigned, for wrk:
--   wrk -t1 -c64 -d5s -s send.lua http://HOST:PORT/ -- QUEUE_URL BYTES MESSAGES
-- MESSAGES 1 is SendMessage; up to 10 is a SendMessageBatch of that many.
local messages = 1

function init(args)
  local url, size = args[1], tonumber(args[2])
  messages = tonumber(args[3])
  local body = string.rep("x", size)
  local action = "SendMessage"
  if messages == 1 then
    wrk.body = '{"QueueUrl":"' .. url .. '","MessageBody":"' .. body .. '"}'
  else
    local entries = {}
    for i = 1, messages do
      entries[i] = '{"Id":"' .. i .. '","MessageBody":"' .. body .. '"}'
    end
    action = "SendMessageBatch"
    wrk.body = '{"QueueUrl":"' .. url .. '","Entries":[' .. table.concat(entries, ",") .. "]}"
  end
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/x-amz-json-1.0"
  wrk.headers["X-Amz-Target"] = "AmazonSQS." .. action
  wrk.headers["X-Amz-Date"] = "20261121T000000Z"
  wrk.headers["Authorization"] = "AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/sqs/aws4_request, SignedHeaders=host;x-amz-date, Signature=" .. string.rep("0", 64)
  counted = 0
end

function response(status)
  if status == 200 then
    counted = counted + messages
  end
end

dofile((debug.getinfo(1, "S").source:sub(2):match("(.*/)") or "./") .. "report.lua")
