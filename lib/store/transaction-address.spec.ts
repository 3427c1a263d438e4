import { TransactionAddressError } from '../errors/index.js';
import { SeededRandom, withSeed } from '../../test/support/seeded-random.js';
import { IdSource } from '../transaction/random.js';
import { slotOf, SLOT_COUNT, tagOfSlot } from './hash-slot.js';
import { parseAddress, printAddress, recordKeyOf } from './transaction-address.js';

function noise(random: SeededRandom): string {
  const letters = Array.from('aZ09-_@@@.|{}: \n😀');
  return Array.from({ length: random.integer(24) }, () => random.pick(letters)).join('');
}

describe('the address of a transaction', () => {
  it('comes back from its text as it was', async () => {
    await withSeed('round trips of addresses', (random) => {
      const ids = new IdSource();
      for (let nth = 0; nth < 2000; nth++) {
        const home = tagOfSlot(random.integer(SLOT_COUNT));
        const address = { id: ids.next(), home, deadlineAtMs: random.integer(2 ** 32) * 1000 };

        expect(parseAddress(printAddress(address))).toEqual(address);
        expect(slotOf(recordKeyOf(address))).toBe(slotOf(home));
      }
    });
  });

  it('is refused by name when it is anything else, and never read in part', async () => {
    await withSeed('texts that are no address', (random) => {
      for (let nth = 0; nth < 10_000; nth++) {
        const text = noise(random);
        let outcome: unknown;
        try {
          outcome = printAddress(parseAddress(text));
        } catch (error) {
          outcome = error instanceof TransactionAddressError ? 'refused' : error;
        }
        // A deadline with leading zeros is the only text that is read and printed otherwise.
        expect(['refused', text.replace(/@0+(?=\d+$)/, '@')]).toContain(outcome);
      }
    });
  });

  it.each(['', 'a@b', 'a@b@', '@0@1', 'a@@1', 'a@0@1@', 'a@0@-1', 'a@A@1', 'a@0@1\n', 'ä@0@1'])(
    'is not %j',
    (text) => {
      expect(() => parseAddress(text)).toThrow(TransactionAddressError);
    },
  );

  it.each([undefined, null, 7, {}, ['a@0@1']])('is not %p, which is no text', (value) => {
    expect(() => parseAddress(value as string)).toThrow(TransactionAddressError);
  });
});
