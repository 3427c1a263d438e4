import { itemScript } from './item-script.js';

/** What a check costs that is not covered. */
export const PENALTY = 1;

// KEYS  savings, checking
export const BALANCE = itemScript(`return { get(KEYS[1]), get(KEYS[2]) }`);

// KEYS  checking
// ARGV  the amount, as below
export const DEPOSIT_CHECKING = itemScript(`
local now = get(KEYS[1])
put(KEYS[1], now + ARGV[1])
return { now }
`);

// KEYS  savings
export const TRANSACT_SAVINGS = itemScript(`
local now = get(KEYS[1])
if now >= tonumber(ARGV[1]) then put(KEYS[1], now - ARGV[1]) end
return { now }
`);

// KEYS  savings and checking of the one, checking of the other
export const AMALGAMATE = itemScript(`
local saved, checked, others = get(KEYS[1]), get(KEYS[2]), get(KEYS[3])
put(KEYS[1], 0)
put(KEYS[2], 0)
put(KEYS[3], others + saved + checked)
return { saved, checked, others }
`);

// KEYS  savings, checking
export const WRITE_CHECK = itemScript(`
local saved, checked, taken = get(KEYS[1]), get(KEYS[2]), tonumber(ARGV[1])
if saved + checked < taken then taken = taken + ${PENALTY} end
put(KEYS[2], checked - taken)
return { saved, checked }
`);

// KEYS  checking of the one, checking of the other
export const SEND_PAYMENT = itemScript(`
local source, target = get(KEYS[1]), get(KEYS[2])
if source >= tonumber(ARGV[1]) then
  put(KEYS[1], source - ARGV[1])
  put(KEYS[2], target + ARGV[1])
end
return { source, target }
`);
