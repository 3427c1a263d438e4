import { LuaScript } from '../systems/lua-script.js';

/**
 * A call as one script, on the JSON of the items. `body` has the functions `get(key)`, which is the
 * amount, and `put(key, amount)`; it returns the amounts it has read, in the order of `reads`.
 */
export function itemScript(body: string): LuaScript {
  return new LuaScript(`
local function get(key)
  return tonumber(string.match(redis.call('GET', key), '"amount":(%-?%d+)'))
end
local function put(key, amount)
  local id = string.sub(key, #'item:' + 1)
  redis.call('SET', key,
    '{"id":"' .. id .. '","amount":' .. amount .. ',"note":"note of ' .. id .. '"}')
end
${body}`);
}
