-- Strikes out an instance that counts as dead, unless it has come back to life meanwhile.
--
-- KEYS[instances] instances           all instances, by when they count as dead
-- ARGV[1] nowMs                       by the clock of this node, as heartbeats are told
-- ARGV[2] instance                    the one that is to go
--
-- REPLY forgotten alive               whether it is struck out, or was not there
local lapse = redis.call('ZSCORE', KEYS[1], ARGV[2])
if lapse and tonumber(lapse) > tonumber(ARGV[1]) then return 'alive' end
redis.call('ZREM', KEYS[1], ARGV[2])
return 'forgotten'
