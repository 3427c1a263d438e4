-- Writes down what the participant has decided that a record waits for.
--
-- KEYS[1] record                      the record of the transaction
-- ARGV[1] outcome                     committed or rolled_back
--
-- REPLY committed rolled_back         what the record says now
-- REPLY forgotten                     there is none
-- REPLY undecided                     it waits for no participant, and stays as it is
local text = redis.call('GET', KEYS[1])
if not text then return 'forgotten' end
local state = string.sub(text, 1, 1)
if state == 'c' then return 'committed' end
if state == 'r' then return 'rolled_back' end
if string.sub(text, 1, 8) ~= 'pending@' then return 'undecided' end
local bar = string.find(text, '|', 1, true)
redis.call('SET', KEYS[1], ARGV[1] .. string.sub(text, bar))
return ARGV[1]
