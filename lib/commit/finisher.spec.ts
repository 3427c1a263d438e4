import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { HeldItems } from '../../test/support/held-items.js';
import { printAddress } from '../store/transaction-address.js';
import type { HeldItem, ItemChange } from '../store/versioned-store.js';
import { COMMIT_CHANNELS, type CommitEvent } from './commit-events.js';

let group: HeldItems;
let told: CommitEvent[];

const listener = (event: unknown): void => void told.push(event as CommitEvent);

beforeEach(() => {
  group = new HeldItems();
  told = [];
  group.store.setForeign('a', '4.w||"old"');
  subscribe(COMMIT_CHANNELS.notApplied, listener);
});

afterEach(() => unsubscribe(COMMIT_CHANNELS.notApplied, listener));

const write: ItemChange = { kind: 'write', counters: '', payload: '"new"', ttlMs: undefined };

/** Applies a change of `a` after something else has come to stand there; what was reported of it. */
async function applyOver(stands: string | undefined, change: ItemChange = write) {
  const address = group.address(['a']);
  const [held] = (await group.hold(address, ['a'])) as [HeldItem];
  if (stands === undefined) group.store.clear();
  else group.store.setForeign('a', stands.replace('OWN', address.id));
  await group.finisher.apply(group.store, address, [{ ...held, change }], group.until);
  if (told.length === 0) return undefined;
  expect(told).toMatchObject([
    { transaction: address.id, address: printAddress(address), item: 'a' },
  ]);
  expect(group.errors).toHaveLength(1);
  expect(group.errors[0]).toContain(printAddress(address));
  expect(group.errors[0]).toContain('"a"');
  return told[0]!.found;
}

describe('a committed change whose lock is gone (F4)', () => {
  it.each([
    ['the version that was locked', '4.w||"old"', '4.w'],
    ['the version of another writer in its place', '5.x||"x"', '5.x'],
    ['the lock of another transaction in its place', '4.w*x@0@9||"old"', '4.w'],
    ['a value of another program', 'plain', 'foreign'],
    ['nothing', undefined, '0'],
  ])('is reported where %s stands, which is left alone', async (_, stands, found) => {
    expect(await applyOver(stands)).toBe(found);
    expect(group.store.peekRaw('a')).toBe(stands);
  });

  it.each<readonly [string, string | undefined, ItemChange]>([
    ['it was applied before', '5.OWN||"new"', write],
    ['others have come after it', '6.x||"x"', write],
    ['others have deleted the item after it', '0.x||', write],
    ['others have deleted it after it and inserted it again', '1.x||"x"', write],
    ['its time to live may be over', undefined, { ...write, ttlMs: 5 }],
    ['it was to delete what is not there', undefined, { kind: 'delete' }],
    ['others came after it has deleted the item', '1.x||"x"', { kind: 'delete' }],
  ])('is no news where %s', async (_, stands, change) => {
    expect(await applyOver(stands, change)).toBeUndefined();
    expect(group.errors).toEqual([]);
  });

  it('is reported where it was to delete what still stands', async () => {
    expect(await applyOver('4.w||"old"', { kind: 'delete' })).toBe('4.w');
  });
});
