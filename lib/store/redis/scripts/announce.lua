-- Writes down a transaction before it is decided. Of two announcements the one that tells what becomes of
-- the items stands, whichever arrives first.
--
-- KEYS[1] record                      the record of the transaction
-- ARGV[1] longestTimeoutMs            how far ahead a deadline may lie
-- ARGV[2] deadlineAtMs                by the clock of this node
-- ARGV[3] replaces                    `+` where it replaces a pending record, else nothing
-- ARGV[4] text                        the record: `pending|<json>`, or `pending@<participant>|<json>`
--
-- REPLY announced                     a pending record stands, and stays until it is decided
-- REPLY committed rolled_back         refused: the outcome that is recorded
-- REPLY deadline                      refused; the time of this node in milliseconds
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local deadline = tonumber(ARGV[2])
local state = redis.call('GETRANGE', KEYS[1], 0, 0)
if state == 'c' then return 'committed' end
if state == 'r' then return 'rolled_back' end
if now >= deadline or deadline > now + ARGV[1] then return 'deadline ' .. string.format('%.0f', now) end
if state ~= 'p' or ARGV[3] == '+' then redis.call('SET', KEYS[1], ARGV[4]) end
return 'announced'
