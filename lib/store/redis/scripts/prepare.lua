-- Locks written items of one node for a transaction, all of them or none. What it has locked before it
-- answers again; everything is checked before the first lock is placed.
--
-- KEYS[item*] items                   what is to be locked
-- ARGV[1] lock                        `<address>`, with `!` where items elsewhere must still be validated
-- ARGV[item*] step                    w<version>| d<version>| as it was seen, empty for nothing, * for any absence;
--                                     b whatever stands; i<index,by,min,max;> increments; a a foreign value, which cannot be locked
--
-- REPLY prepared                      and, as further elements, the heads `<version>*<lock>` of the items
-- REPLY conflict locked               the index of the item, the version that stands
-- REPLY bound                         the index of the item, which increment, the value it met
-- REPLY absent counters foreign       the index of the item
-- REPLY failed                        the server's error; whatever was locked is to be released
local address = holder(ARGV[1])
local reply, values = { 'prepared' }, {}

local function stands(expected, version)
  if expected == '*' then return not version or absent(version) end
  return expected == (version or '')
end

local function judge(key, index, step)
  local kind, text = string.sub(step, 1, 1), redis.pcall('GET', key)
  if failure(text) then
    return string.find(text.err, 'WRONGTYPE', 1, true) and 'foreign ' .. index or 'failed ' .. text.err
  end
  local version, lock, counters, payload
  if text then
    version, lock, counters, payload = parse(text)
    if not version then return 'foreign ' .. index end
  end
  if lock then
    if holder(lock) ~= address then return 'locked ' .. index .. ' ' .. seen(version) end
    reply[#reply + 1] = version .. '*' .. lock
    return
  end
  if kind == 'i' then
    if not text or absent(version) then return 'absent ' .. index end
    local sums, why = add(counters, string.sub(step, 2), index)
    if not sums then return why end
  elseif kind ~= 'b' and (kind == 'a' or not stands(string.sub(step, 2, -2), version)) then
    return 'conflict ' .. index .. ' ' .. (version or '0')
  end
  local ttl = redis.call('PTTL', key)
  local head = (version or '0.' .. string.format('%.0f', clock[1] * 1000000 + clock[2])) .. '*' .. ARGV[1]
  if ttl >= 0 then head = head .. '~' .. string.format('%.0f', now + ttl) end
  reply[#reply + 1] = head
  values[key] = head .. '|' .. (counters or '') .. '|' .. (text and string.sub(text, payload) or '')
end

for i, key in ipairs(KEYS) do
  local why = judge(key, i - 1, ARGV[i + 1])
  if why then return why end
end
for _, key in ipairs(KEYS) do
  if values[key] then
    local err = failure(redis.pcall('SET', key, values[key]))
    if err then return 'failed ' .. err end
  end
end
return reply
