-- Removes the locks of a transaction that is rolled back, or forgotten, from items of one node. Out of
-- memory the server may refuse it; it is repeated then.
--
-- KEYS[item*] items                   what it may have locked
-- ARGV[1] address                     the transaction
--
-- REPLY released                      none of the items bears its lock any more
for _, key in ipairs(KEYS) do
  local text = read(key)
  if text then restore(key, text, ARGV[1]) end
end
return 'released'
