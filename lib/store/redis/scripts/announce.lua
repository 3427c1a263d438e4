-- Writes a transaction down before it is decided, for good: whoever decides it lets its record expire.
--
-- KEYS[1] record                      the record of the transaction
-- ARGV[1] deadlineAtMs                by the clock of this node
-- ARGV[2] longestTimeoutMs            how far ahead a deadline may lie
-- ARGV[3] text                        the record, `pending|<json>` or `pending@<participant>|<json>`
--
-- REPLY announced                     it stands, now or since before
-- REPLY committed rolled_back         it is decided
-- REPLY deadline                      refused; the time of this node in milliseconds
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local deadline = tonumber(ARGV[1])
local state = redis.call('GETRANGE', KEYS[1], 0, 0)
if state == 'c' then return 'committed' end
if state == 'r' then return 'rolled_back' end
if now >= deadline or deadline > now + ARGV[2] then return 'deadline ' .. string.format('%.0f', now) end
if state == '' then redis.call('SET', KEYS[1], ARGV[3]) end
return 'announced'
