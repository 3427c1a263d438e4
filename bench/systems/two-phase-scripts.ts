import { LuaScript } from './lua-script.js';

/**
 * The steps of `hand-written-2pc`. An item is `<version>|<json>`, and while a transaction holds it
 * `<version>*<lock>|<new json>\n<old json>`: JSON.stringify writes no line break of its own. A
 * record is `committed` or `rolled_back`. Every step may be sent twice.
 */

const NOW_MS = `
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
`;

// Locks an item at the version that was read, with its new value beside the old one.
// KEYS  the item
// ARGV  its version, the lock, the new JSON
// REPLY 1 locked, now or before; 0 conflict
export const PREPARE = new LuaScript(`
local free = ARGV[1] .. '|'
local held = ARGV[1] .. '*' .. ARGV[2] .. '|'
local stored = redis.call('GET', KEYS[1]) or ''
if string.sub(stored, 1, #held) == held then return 1 end
if string.sub(stored, 1, #free) ~= free then return 0 end
redis.call('SET', KEYS[1], held .. ARGV[3] .. '\\n' .. string.sub(stored, #free + 1))
return 1
`);

// Commits if the deadline is not over and the item here is as it was read, writes that item, too,
// and otherwise rolls back. A record that stands already is the answer.
// KEYS  the record, the item in its slot
// ARGV  the deadline in ms, the item's version with its bar, its new string, ms to keep a roll back
// REPLY the record
export const DECIDE = new LuaScript(`
local record = redis.call('GET', KEYS[1])
if record then return record end
${NOW_MS}
if now_ms <= tonumber(ARGV[1]) and redis.call('GETRANGE', KEYS[2], 0, #ARGV[2] - 1) == ARGV[2] then
  redis.call('SET', KEYS[1], 'committed')
  redis.call('SET', KEYS[2], ARGV[3])
  return 'committed'
end
redis.call('SET', KEYS[1], 'rolled_back', 'PX', ARGV[4])
return 'rolled_back'
`);

// Tells the outcome, and past the deadline makes one: what is not committed by then never will be.
// KEYS  the record
// ARGV  the deadline in ms, ms to keep a roll back
// REPLY the record, or 'undecided'
export const SETTLE = new LuaScript(`
local record = redis.call('GET', KEYS[1])
if record then return record end
${NOW_MS}
if now_ms <= tonumber(ARGV[1]) then return 'undecided' end
redis.call('SET', KEYS[1], 'rolled_back', 'PX', ARGV[2])
return 'rolled_back'
`);

// Unlocks an item with its new or its old value; one that this lock does not hold stays as it is.
// KEYS  the item
// ARGV  the lock, the record
// REPLY the item as it stands now
export const FINISH = new LuaScript(`
local stored = redis.call('GET', KEYS[1])
local head, last = string.find(stored, '*' .. ARGV[1] .. '|', 1, true)
if not head then return stored end
local version = string.sub(stored, 1, head - 1)
local split = string.find(stored, '\\n', last, true)
local value
if ARGV[2] == 'committed' then
  value = string.format('%d|', version + 1) .. string.sub(stored, last + 1, split - 1)
else
  value = version .. '|' .. string.sub(stored, split + 1)
end
redis.call('SET', KEYS[1], value)
return value
`);
