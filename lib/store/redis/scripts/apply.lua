-- Writes what a committed transaction decided about items of one node, where they still stand under the
-- head that was decided. Any other lock of the transaction is a stray of a late message, and is removed.
--
-- KEYS[item*] items                   what was decided about
-- ARGV[1] address                     the transaction
-- ARGV[item*] step                    a letter, and with a capital one `<ttlMs> `:
--                                     w<head>|<item> write; d<head>|<tombstone> delete, with a ttl or nothing;
--                                     h<head>|<writer>|<index,by,min,max;> increments
--
-- REPLY applied passed                for each item: its change stands, or somebody has moved on
local address = ARGV[1]
local id = string.match(address, '^[^@]+')
local replies = {}

local function apply(key, step)
  local kind, at, ttl = string.lower(string.sub(step, 1, 1)), 2, nil
  if kind ~= string.sub(step, 1, 1) then ttl, at = string.match(step, '^.(%d+) ()') end
  local bar = string.find(step, '|', at, true)
  local head, text = string.sub(step, at, bar), read(key)
  if not text then return kind == 'd' and 'applied' or 'passed' end
  if string.sub(text, 1, #head) ~= head then
    restore(key, text, address)
    local version = parse(text)
    return version and string.match(version, '%.(.*)$') == id and 'applied' or 'passed'
  end
  if kind == 'd' and not ttl then
    redis.call('DEL', key)
    return 'applied'
  end
  local value = string.sub(step, bar + 1)
  if kind == 'h' then
    local version, _, counters, payload = parse(text)
    local sums, why = add(counters, value, 0)
    if not sums then return why end
    local count = string.format('%.0f', string.match(version, '^%d+') + 1)
    value = count .. '.' .. id .. '|' .. sums .. '|' .. string.sub(text, payload)
  end
  if ttl then redis.call('SET', key, value, 'PX', ttl) else redis.call('SET', key, value) end
  return 'applied'
end

for i, key in ipairs(KEYS) do replies[i] = apply(key, ARGV[i + 1]) end
return replies
