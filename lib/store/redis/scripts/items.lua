-- What the scripts of the two phases share. It is put before each of them.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function failure(reply) return type(reply) == 'table' and reply.err or nil end

-- Version, lock (nil where none stands), counters, and where the payload begins; nil for a foreign value.
local function parse(text)
  local version, counters, payload = string.match(text, '^([1-9]%d*%.[%w_-]+)|([^|]*)|()')
  if version then return version, nil, counters, payload end
  local lock
  version, lock, counters, payload = string.match(text, '^([1-9]%d*%.[%w_-]+)%*([^|]+)|([^|]*)|()')
  if version then return version, lock, counters, payload end
  -- Of what is absent there is nothing but a head.
  version = string.match(text, '^(0%.[%w_-]+)||$')
  if not version then version, lock = string.match(text, '^(0%.[%w_-]+)%*([^|]+)||$') end
  return version, lock, '', #text + 1
end

local function absent(version) return string.sub(version, 1, 2) == '0.' end

-- The version under a lock. What stands for an absent item that is locked has one which nobody sees.
local function seen(version) return string.match(version, '^0%.%d+$') and '0' or version end

local function holder(lock) return string.match(lock, '^[^!~]+') end

-- The counters with the increments added, or nil and why they must not be.
local function add(counters, increments, index)
  local numbers, nth = {}, 0
  for number in string.gmatch(counters, '[^,]+') do numbers[#numbers + 1] = tonumber(number) end
  for at, by, min, max in string.gmatch(increments, '(%d+),(%-?%d+),(%-?%d*),(%-?%d*)') do
    local value = numbers[at + 1]
    if not value then return nil, 'counters ' .. index end
    local sum = value + by
    if sum < (tonumber(min) or -9007199254740991) or sum > (tonumber(max) or 9007199254740991) then
      return nil, 'bound ' .. index .. ' ' .. nth .. ' ' .. string.format('%.0f', value)
    end
    numbers[at + 1], nth = sum, nth + 1
  end
  for i, number in ipairs(numbers) do numbers[i] = string.format('%.0f', number) end
  return table.concat(numbers, ',')
end

-- What stands under a key; false for nothing, and for what is not ours. Any other error says nothing of it.
local function read(key)
  local text = redis.pcall('GET', key)
  local err = failure(text)
  if not err then return text end
  if string.find(err, 'WRONGTYPE', 1, true) then return false end
  error(err, 0)
end

-- Removes the lock of a transaction from an item, which is as it was before, its expiry included.
local function restore(key, text, address)
  local version, lock, counters, payload = parse(text)
  if not lock or holder(lock) ~= address then return end
  local expiry = string.match(lock, '~(%d+)$')
  if seen(version) == '0' or (expiry and tonumber(expiry) <= now) then
    redis.call('DEL', key)
    return
  end
  local value = version .. '|' .. counters .. '|' .. string.sub(text, payload)
  if expiry then redis.call('SET', key, value, 'PXAT', expiry) else redis.call('SET', key, value) end
end

