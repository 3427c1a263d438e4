-- Gives one process at a time the turn, in the order in which they asked. No promise rests on it.
--
-- KEYS[turn] turn                     `<holder>|<process>,<process>,...`: whose turn it is, and who waits
-- ARGV[1] process                     who asks
-- ARGV[2] leaseMs                     how long the turn lasts at most
-- ARGV[3] graceMs                     how soon the next one has to take what it is passed
-- ARGV[4] step                        take; pass to the next one if there is one, or leave in any case
--
-- REPLY taken next waiting            it has the turn, is the next one, or comes later
-- REPLY kept passed                   nobody else wants it; it has it no more
local process, leaseMs, graceMs, step = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local holder, queue = string.match(redis.call('GET', KEYS[1]) or '', '^([^|]+)|(.*)$')

local function hold(one, others, ms)
  redis.call('SET', KEYS[1], one .. '|' .. others, 'PX', ms)
end

if step == 'take' then
  if not holder or holder == process then
    hold(process, queue or '', leaseMs)
    return 'taken'
  end
  if not string.find(',' .. queue .. ',', ',' .. process .. ',', 1, true) then
    queue = queue == '' and process or queue .. ',' .. process
    redis.call('SET', KEYS[1], holder .. '|' .. queue, 'KEEPTTL')
  end
  return string.match(queue, '^[^,]*') == process and 'next' or 'waiting'
end
if holder ~= process then return 'passed' end
local following, others = string.match(queue, '^([^,]+),?(.*)$')
if following then
  hold(following, others, graceMs)
elseif step == 'leave' then
  redis.call('DEL', KEYS[1])
else
  hold(process, '', leaseMs)
  return 'kept'
end
return 'passed'
