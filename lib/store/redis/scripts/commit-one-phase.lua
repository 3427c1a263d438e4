-- Commits transactions of one node, one after the other, each of them as a whole or not at all.
-- A transaction that was committed before is answered `committed` and not applied again; everything
-- is checked before the first write, and no write that follows the first one can fail.
--
-- KEYS[tx*] record                    the record of a transaction ...
-- KEYS[tx*] items                     ... and its items
-- ARGV[1] longestTimeoutMs            how far ahead a deadline may lie
-- ARGV[tx*] body                      `<size> <deadlineAtMs> <expiresAtMs> <members>`: the number of items, the
--                                     deadline and until when the record is kept by the clock of this node
--                                     (with `+`: for good; with `!` it was announced, so that without a record it
--                                     must not commit any more), the members of the record's JSON
-- ARGV[item*] step                    a letter and what it needs. With a capital one, `<ttlMs> ` comes between.
--                                     r<version>|                    read; the version is empty for nothing,
--                                                                    and * for any absence
--                                     d<version>|<tombstone>         delete, with a time to live or nothing
--                                     w<version>|<item>              write; for `d` and `w` a head that is held
--                                     h<head>|<writer>|<index,by,min,max;>  increment of an item that is held
--                                     b<item without its count>      blind write
--                                     i<writer>|<index,by,min,max;>  increment
--                                     a<item>                        adopt
-- ARGV[item*] foreign                 for `a` only: the foreign value that must stand
--
-- REPLY committed                     with `index:count` for each item written without an expected version
-- REPLY conflict locked               the index of the item, the version that stands
-- REPLY bound                         the index of the item, which increment, the value it met
-- REPLY absent counters foreign       the index of the item
-- REPLY rolled_back deadline          refused; for `deadline` the time of this node in milliseconds
-- REPLY pending                       refused: the record waits for its decider
-- REPLY failed torn                   the server's error: before the first write, and (never) after it
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local latest = now + ARGV[1]
local head = 'committed|{"decidedAt":' .. string.format('%.0f', now) .. ','
local k, a, replies = 1, 2, {}
local keys, values, ttls, writes, plain, counts = {}, {}, {}, 0, true, ''
local HEAD = 1024 -- enough for a version, a lock and some sixty counters
local lasts = {} -- numbers as texts: the server formats a number that Lua hands over slowly

local READ, DELETE, BLIND, INCREMENT, ADOPT, HELD, ANY = string.byte('rdbiah*', 1, 7)
local TOMBSTONE = '^(0%.[%w_-]+)||$'

local function failure(reply) return type(reply) == 'table' and reply.err or nil end

local function start(key, length)
  local last = lasts[length]
  if not last then
    last = tostring(length - 1)
    lasts[length] = last
  end
  return redis.pcall('GETRANGE', key, '0', last)
end

local function plan(key, value, ttl)
  writes = writes + 1
  keys[writes], values[writes], ttls[writes] = key, value, ttl
  if ttl or not value then plain = false end
end

-- The version that the start of an item shows, and whether a lock stands; nil for a foreign value.
local function parse(text)
  local version = string.match(text, '^([1-9]%d*%.[%w_-]+)|[^|]*|') or string.match(text, TOMBSTONE)
  if version then return version, false end
  version = string.match(text, '^([1-9]%d*%.[%w_-]+)%*[^|]+|[^|]*|') or string.match(text, '^(0%.[%w_-]+)%*[^|]+||$')
  -- What stands for an absent item that is locked may have a version that nobody sees.
  return version and string.gsub(version, '^0%.%d+$', '0'), true
end

local function absent(key)
  if redis.call('EXISTS', key) == 0 then return true end
  local text = start(key, HEAD)
  return not failure(text) and string.find(text, TOMBSTONE)
end

-- Why what stands under a key is not what was expected.
local function refuse(key, index)
  local text = start(key, HEAD)
  local err = failure(text)
  if err then return string.find(err, 'WRONGTYPE', 1, true) and 'foreign ' .. index or 'failed ' .. err end
  if text == '' and redis.call('EXISTS', key) == 0 then return 'conflict ' .. index .. ' 0' end
  local version, locked = parse(text)
  if not version then return 'foreign ' .. index end
  return (locked and 'locked ' or 'conflict ') .. index .. ' ' .. version
end

local function increment(key, index, spec, ttl, head)
  local text = redis.pcall('GET', key)
  if not text then return head and 'conflict ' .. index .. ' 0' or 'absent ' .. index end
  if failure(text) then return refuse(key, index) end
  if head and string.sub(text, 1, #head) ~= head then return refuse(key, index) end
  local shown = head and '^([1-9]%d*)%.[^|]+|([^|]*)|()' or '^([1-9]%d*)%.[%w_-]+|([^|]*)|()'
  local count, list, rest = string.match(text, shown)
  if not count then return string.find(text, TOMBSTONE) and 'absent ' .. index or refuse(key, index) end
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
  local text = start(key, HEAD)
  local count = '0'
  if text ~= '' or redis.call('EXISTS', key) == 1 then
    if failure(text) then return refuse(key, index) end
    count = string.match(text, '^([1-9]%d*)%.[%w_-]+|[^|]*|') or string.find(text, TOMBSTONE) and '0'
    if not count then return refuse(key, index) end
  end
  count = string.format('%.0f', count + 1)
  counts = counts .. ' ' .. index .. ':' .. count
  plan(key, count .. value, ttl)
end

-- Checks one item and plans its write. Answers why it must not be written, if so.
local function judge(key, index)
  local step, at, ttl = ARGV[a], 2, nil
  local kind = string.byte(step)
  if kind < 97 then
    kind, ttl, at = kind + 32, string.match(step, '^.(%d+) ()')
  end
  a = a + 1
  if kind == BLIND then return blind(key, index, string.sub(step, at), ttl) end
  if kind == INCREMENT then return increment(key, index, string.sub(step, at), ttl) end
  local stands
  if kind == ADOPT then
    stands = redis.pcall('GET', key) == ARGV[a]
    a = a + 1
  else
    local bar = string.find(step, '|', at, true)
    if kind == HELD then return increment(key, index, string.sub(step, bar + 1), ttl, string.sub(step, at, bar)) end
    if bar == at then stands = redis.call('EXISTS', key) == 0
    elseif string.byte(step, at) == ANY then stands = absent(key)
    else stands = start(key, bar - at + 1) == string.sub(step, at, bar) end
    at = bar + 1
  end
  if not stands then return refuse(key, index) end
  if kind == DELETE then plan(key, ttl and string.sub(step, at) or false, ttl)
  elseif kind ~= READ then plan(key, string.sub(step, at), ttl) end
end

-- Writes what is planned; answers the server's error, and whether anything was written before it.
-- Deletions come first: that SET is allowed is known when the record stands, that DEL is, is not.
local function write()
  if plain and writes > 1 and writes <= 1000 then
    local pairs = {}
    for i = 1, writes do pairs[2 * i - 1], pairs[2 * i] = keys[i], values[i] end
    return failure(redis.pcall('MSET', unpack(pairs))), false
  end
  local written = false
  for i = 1, writes do
    if not values[i] then
      local err = failure(redis.pcall('DEL', keys[i]))
      if err then return err, written end
      written = true
    end
  end
  for i = 1, writes do
    if values[i] then
      local reply
      if ttls[i] then reply = redis.pcall('SET', keys[i], values[i], 'PX', ttls[i])
      else reply = redis.pcall('SET', keys[i], values[i]) end
      if failure(reply) then return reply.err, written end
      written = true
    end
  end
end

-- What the record says, if that settles it, and how it begins.
local function outcome(record, announced)
  local state = start(record, 8)
  if failure(state) then return 'failed ' .. state.err end
  if state == 'pending@' then return 'pending', state end
  if state == '' and announced then return 'rolled_back', state end
  local first = string.sub(state, 1, 1)
  return first == 'c' and 'committed' or first == 'r' and 'rolled_back' or nil, state
end

-- Over a record that is pending; `kept` for good.
local function decide(record, text, expiresAt, kept)
  if kept then return redis.pcall('SET', record, text) end
  return redis.pcall('SET', record, text, 'PXAT', expiresAt)
end

-- Out of memory, read-only, disk: only the first write of all, the record, can fail for these.
local function apply(record, body, expiresAt, kept, announced)
  local reply
  if announced then reply = false -- it is there, or it must not be
  elseif kept then reply = redis.pcall('SET', record, head .. body .. '}', 'NX')
  else reply = redis.pcall('SET', record, head .. body .. '}', 'PXAT', expiresAt, 'NX') end
  if not reply then
    local said, state = outcome(record, announced)
    if said then return said end
    if state ~= 'pending|' then return 'failed ERR the record is not one of ours' end
    reply = decide(record, head .. body .. '}', expiresAt, kept)
  end
  if failure(reply) then return 'failed ' .. reply.err end
  local err, written = write()
  if not err then return 'committed' .. counts end
  if written then return 'torn ' .. err end
  -- A permission was taken away in the meantime: nothing but the record was written.
  local branches = kept and string.find(body, '"branches":[', 1, true)
  reply = decide(record, 'rolled_back|{' .. (branches and body or '') .. '}', expiresAt, branches)
  return failure(reply) and 'torn ' .. err or 'failed ' .. err
end

while k <= #KEYS do
  local record, refusal = KEYS[k], nil
  local size, deadline, expiresAt, kept, announced, from = string.match(ARGV[a], '^(%d+) (%d+) (%d+)(%+?)(!?) ()')
  local body = string.sub(ARGV[a], from)
  size, deadline, kept, announced = tonumber(size), tonumber(deadline), kept == '+', announced == '!'
  writes, plain, counts = 0, true, ''
  if now >= deadline or deadline > latest then refusal = 'deadline ' .. string.format('%.0f', now) end
  a = a + 1
  for i = 1, size do
    local why = judge(KEYS[k + i], i - 1)
    refusal = refusal or why
  end
  -- Where a record stands, it counts, whatever the items look like by now.
  replies[#replies + 1] = refusal and (outcome(record, announced) or refusal) or apply(record, body, expiresAt, kept, announced)
  k = k + size + 1
end
return replies
