-- ReceiveMessage and DeleteMessage (or the batch forms) over AWS JSON, unsigned, for wrk:
--   wrk -t1 -c64 -d5s -s receive.lua http://HOST:PORT/ -- QUEUE_URL MESSAGES
-- Whatever a receive brings is deleted by a later request; counted are the messages deleted.
local url, messages, receive
local waiting = {}

local function request_of(action, body)
  return wrk.format("POST", "/", {
    ["Host"] = wrk.headers["Host"],
    ["Content-Type"] = "application/x-amz-json-1.0",
    ["X-Amz-Target"] = "AmazonSQS." .. action,
    ["Authorization"] = "AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/sqs/aws4_request, SignedHeaders=host;x-amz-date, Signature=" .. string.rep("0", 64),
  }, body)
end

function init(args)
  url, messages = args[1], tonumber(args[2])
  counted = 0
  receive = request_of("ReceiveMessage", '{"QueueUrl":"' .. url .. '","MaxNumberOfMessages":' .. messages .. "}")
end

function request()
  local handles = table.remove(waiting)
  if not handles then
    return receive
  end
  counted = counted + #handles
  if #handles == 1 then
    return request_of("DeleteMessage", '{"QueueUrl":"' .. url .. '","ReceiptHandle":"' .. handles[1] .. '"}')
  end
  local entries = {}
  for i, handle in ipairs(handles) do
    entries[i] = '{"Id":"' .. i .. '","ReceiptHandle":"' .. handle .. '"}'
  end
  return request_of("DeleteMessageBatch", '{"QueueUrl":"' .. url .. '","Entries":[' .. table.concat(entries, ",") .. "]}")
end

function response(status, headers, body)
  local handles
  for handle in string.gmatch(body, '"ReceiptHandle": ?"([^"]+)"') do
    handles = handles or {}
    handles[#handles + 1] = handle
  end
  if handles then
    waiting[#waiting + 1] = handles
  end
end

dofile((debug.getinfo(1, "S").source:sub(2):match("(.*/)") or "./") .. "report.lua")
