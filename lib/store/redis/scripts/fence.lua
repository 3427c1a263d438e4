-- Learns the outcome of a transaction for good: where nothing is decided, `rolled_back` is written,
-- so that a commit that is still under way is refused when it arrives. What a pending record tells stays in it;
-- one that waits for a participant stays as it is.
--
-- KEYS[1] record                      the record of the transaction
-- ARGV[1] deadlineAtMs                by the clock of this node
-- ARGV[2] marginMs                    how long after the deadline absence still proves a roll back
-- ARGV[3] keepMs                      how long a record outlives its deadline
--
-- REPLY committed rolled_back         the outcome
-- REPLY pending                       a participant decides, and has to be asked
-- REPLY forgotten                     the record's time is over; nothing can be concluded
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local deadline, margin, keep = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local state = redis.call('GETRANGE', KEYS[1], 0, 0)
if state == 'c' then return 'committed' end
if state == 'r' then return 'rolled_back' end
if state == 'p' then
  local text = redis.call('GET', KEYS[1])
  if string.sub(text, 1, 8) == 'pending@' then return 'pending' end
  redis.call('SET', KEYS[1], 'rolled_back' .. string.sub(text, 8))
  return 'rolled_back'
end
if now >= deadline + margin then return 'forgotten' end
redis.call('SET', KEYS[1], 'rolled_back|{"decidedAt":' .. now .. '}', 'PX', math.max(deadline - now, 0) + keep)
return 'rolled_back'
