-- Commits transactions of one node, one after the other, each of them as a whole or not at all.
-- A transaction that was committed before is answered `committed` and not applied again; everything
-- is checked before the first write, and no write that follows the first one can fail.
--
-- KEYS[tx*] record                    the record of a transaction ...
-- KEYS[tx*] items                     ... and its items
-- ARGV[1] longestTimeoutMs            how far ahead a deadline may lie
-- ARGV[2] keepMs                      how long a record outlives its deadline
-- ARGV[tx*] body                      the members of the record's JSON
-- ARGV[tx*] deadlineAtMs              by the clock of this node
-- ARGV[tx*] size                      the number of items
-- ARGV[item*] kind                    r read, d delete, w write, b blind write, i increment, a adopt; W B I with ttlMs
-- ARGV[item*] expected                r d w: `<version>|`, empty for absent; a: the foreign value
-- ARGV[item*] value                   w a: the item; b: it without its count; i: writer|index,by,min,max;...
-- ARGV[item*] ttlMs                   W B I: milliseconds until the item expires
--
-- REPLY committed                     with `index:count` for each item written without an expected version
-- REPLY conflict locked               the index of the item, the version that stands
-- REPLY bound                         the index of the item, which increment, the value it met
-- REPLY absent counters foreign       the index of the item
-- REPLY rolled_back deadline          refused; for `deadline` the time of this node in milliseconds
-- REPLY failed torn                   the server's error: before the first write, and (never) after it
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local longest, keep = tonumber(ARGV[1]), tonumber(ARGV[2])
local k, a, replies = 1, 3, {}
local keys, values, ttls, writes, counts

local function failure(reply) return type(reply) == 'table' and reply.err or nil end

local function plan(key, value, ttl)
  writes = writes + 1
  keys[writes], values[writes], ttls[writes] = key, value, ttl
end

-- Why what stands under a key is not what was expected.
local function refuse(key, index, text)
  local err = failure(text)
  if err then return string.find(err, 'WRONGTYPE', 1, true) and 'foreign ' .. index or 'failed ' .. err end
  if text == '' and redis.call('EXISTS', key) == 0 then return 'conflict ' .. index .. ' 0' end
  local version, mark = string.match(text, '^([1-9]%d*%.[%w_-]+)([|*])')
  if not version then return 'foreign ' .. index end
  return (mark == '*' and 'locked ' or 'conflict ') .. index .. ' ' .. version
end

local function increment(key, index, spec, ttl)
  local text = redis.pcall('GET', key)
  if not text then return 'absent ' .. index end
  if failure(text) then return refuse(key, index, text) end
  local count, mark, list, rest = string.match(text, '^([1-9]%d*)%.[%w_-]+([|*])([^|]*)|()')
  if mark ~= '|' then return refuse(key, index, text) end
  local numbers = {}
  for number in string.gmatch(list, '[^,]+') do numbers[#numbers + 1] = tonumber(number) end
  local nth = 0
  for at, by, min, max in string.gmatch(spec, '(%d+),(%-?%d+),(%-?%d*),(%-?%d*)') do
    local value = numbers[at + 1]
    if not value then return 'counters ' .. index end
    local sum = value + by
    if sum < (tonumber(min) or -9007199254740991) or sum > (tonumber(max) or 9007199254740991) then
      return 'bound ' .. index .. ' ' .. nth .. ' ' .. string.format('%.0f', value)
    end
    numbers[at + 1], nth = sum, nth + 1
  end
  for i, number in ipairs(numbers) do numbers[i] = string.format('%.0f', number) end
  count = string.format('%.0f', count + 1)
  counts = counts .. ' ' .. index .. ':' .. count
  local writer = string.match(spec, '^[^|]*')
  plan(key, count .. '.' .. writer .. '|' .. table.concat(numbers, ',') .. '|' .. string.sub(text, rest), ttl)
end

local function blind(key, index, value, ttl)
  local text = redis.pcall('GETRANGE', key, 0, 127)
  local count = '0'
  if text ~= '' or redis.call('EXISTS', key) == 1 then
    if failure(text) then return refuse(key, index, text) end
    local mark
    count, mark = string.match(text, '^([1-9]%d*)%.[%w_-]+([|*])')
    if mark ~= '|' then return refuse(key, index, text) end
  end
  count = string.format('%.0f', count + 1)
  counts = counts .. ' ' .. index .. ':' .. count
  plan(key, count .. value, ttl)
end

-- Checks one item and plans its write. Answers why not, if not, and how many arguments it took.
local function judge(key, index)
  local kind, expected = ARGV[a], ARGV[a + 1]
  if kind == 'b' then return blind(key, index, expected), 2 end
  if kind == 'i' then return increment(key, index, expected), 2 end
  if kind == 'B' then return blind(key, index, expected, ARGV[a + 2]), 3 end
  if kind == 'I' then return increment(key, index, expected, ARGV[a + 2]), 3 end
  local taken = (kind == 'w' or kind == 'a') and 3 or kind == 'W' and 4 or 2
  local text
  if kind == 'a' then text = redis.pcall('GET', key)
  else text = redis.pcall('GETRANGE', key, 0, #expected > 0 and #expected - 1 or 0) end
  if text ~= expected or (text == '' and redis.call('EXISTS', key) == 1) then
    return refuse(key, index, redis.pcall('GETRANGE', key, 0, 127)), taken
  end
  if kind == 'd' then plan(key, false)
  elseif kind ~= 'r' then plan(key, ARGV[a + 2], kind == 'W' and ARGV[a + 3]) end
  return nil, taken
end

local function apply(record, body, deadline)
  local err = failure(redis.pcall('SET', record, 'committed|{"decidedAt":' .. now .. ',' .. body .. '}',
    'PX', deadline - now + keep))
  if err then return 'failed ' .. err end
  for i = 1, writes do
    local reply
    if not values[i] then reply = redis.pcall('DEL', keys[i])
    elseif ttls[i] then reply = redis.pcall('SET', keys[i], values[i], 'PX', ttls[i])
    else reply = redis.pcall('SET', keys[i], values[i]) end
    if failure(reply) then return 'torn ' .. reply.err end
  end
  return 'committed' .. counts
end

while k <= #KEYS do
  local record, body, deadline, size = KEYS[k], ARGV[a], tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2])
  keys, values, ttls, writes, counts = {}, {}, {}, 0, ''
  local state, reply = redis.pcall('GETRANGE', record, 0, 0), nil
  if failure(state) then reply = 'failed ' .. state.err
  elseif state == 'c' then reply = 'committed'
  elseif state == 'r' then reply = 'rolled_back'
  elseif now >= deadline or deadline > now + longest then reply = 'deadline ' .. now end
  a = a + 3
  for i = 1, size do
    local why, taken = judge(KEYS[k + i], i - 1)
    reply, a = reply or why, a + taken
  end
  replies[#replies + 1] = reply or apply(record, body, deadline)
  k = k + size + 1
end
return replies
