-- Learns the outcome of a transaction for good: where nothing is decided, `rolled_back` is written,
-- so that a commit that is still under way is refused when it arrives. What waits for its decider is
-- left to that one.
--
-- KEYS[1] record                      the record of the transaction
-- ARGV[1] deadlineAtMs                by the clock of this node
-- ARGV[2] marginMs                    how long after the deadline absence still proves a roll back
-- ARGV[3] keepMs                      how long a record outlives its deadline; with branches it stays for good
--
-- REPLY committed rolled_back         the outcome
-- REPLY pending                       its decider has to be asked
-- REPLY forgotten                     the record's time is over; nothing can be concluded
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local deadline, margin, keep = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local start = redis.call('GETRANGE', KEYS[1], 0, 7)
local state = string.sub(start, 1, 1)
if state == 'c' then return 'committed' end
if state == 'r' then return 'rolled_back' end
if start == 'pending@' then return 'pending' end
local json = '{"decidedAt":' .. now .. '}'
if start == 'pending|' then json = string.sub(redis.call('GET', KEYS[1]), 9)
elseif now >= deadline + margin then return 'forgotten' end
local record = { KEYS[1], 'rolled_back|' .. json, 'PX', math.max(deadline - now, 0) + keep }
-- A quote inside of a JSON text never stands alone, so these are branches.
if string.find(json, '"branches":[', 1, true) then record[3], record[4] = nil, nil end
redis.call('SET', unpack(record))
return 'rolled_back'
