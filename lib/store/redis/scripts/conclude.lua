-- Turns a record that waits for its decider into what that one has decided, and changes no other record.
--
-- KEYS[1] record                      the record of the transaction
-- ARGV[1] outcome                     `committed` or `rolled_back`
--
-- REPLY committed rolled_back         what the record says now; where it waited it stays until it is retired
-- REPLY pending                       refused: it has no decider, so nobody else can conclude it
-- REPLY forgotten                     there is no record
local state = redis.call('GETRANGE', KEYS[1], 0, 7)
local first = string.sub(state, 1, 1)
if first == 'c' then return 'committed' end
if first == 'r' then return 'rolled_back' end
if state == '' then return 'forgotten' end
if state ~= 'pending@' then return 'pending' end
local text = redis.call('GET', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1] .. string.sub(text, string.find(text, '|', 1, true), -1))
return ARGV[1]
