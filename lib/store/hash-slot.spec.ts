import { SLOT_COUNT, slotOf, tagOfSlot } from './hash-slot.js';

describe('the slot of a key', () => {
  // The first is the check value of CRC-16/XMODEM; the others are what CLUSTER KEYSLOT answers.
  it.each([
    ['123456789', 12739],
    ['foo', 12182],
    ['bar', 5061],
    ['hello', 866],
    ['', 0],
    ['somekey', 11058],
    ['foo{hash_tag}', 2515],
    ['bar{hash_tag}', 2515],
  ])('of %j is %i, as Redis Cluster has it', (key, slot) => {
    expect(slotOf(key)).toBe(slot);
  });

  it.each([
    ['{user1000}.following', 'user1000'],
    ['{user1000}.followers', 'user1000'],
    ['foo{{bar}}zap', '{bar'],
    ['foo{bar}{zap}', 'bar'],
    ['a{😀}b', '😀'],
  ])('of %j depends on its hash tag only', (key, tag) => {
    expect(slotOf(key)).toBe(slotOf(tag));
  });

  it.each([
    ['foo{}{bar}', 8363],
    ['{}', 15257],
    ['foo{bar', 15278],
    ['foo}bar{', 11073],
    ['foo{}', 5542],
  ])('of %j depends on the whole key, which has no hash tag', (key, slot) => {
    expect(slotOf(key)).toBe(slot);
  });
});

describe('the tag of a slot', () => {
  const tags = Array.from({ length: SLOT_COUNT }, (_, slot) => tagOfSlot(slot));

  it('falls into its slot, alone and in the key of a record, for every slot', () => {
    const wrong = tags.filter(
      (tag, slot) => slotOf(tag) !== slot || slotOf(`dtx:{${tag}}:tx:a{b}`) !== slot,
    );

    expect(wrong).toEqual([]);
  });

  it('is short, different for every slot, and free of any special character', () => {
    expect(new Set(tags).size).toBe(SLOT_COUNT);
    expect(tags.filter((tag) => !/^[0-9a-z]{1,8}$/.test(tag))).toEqual([]);
  });

  it('never changes, since stored addresses hold it', () => {
    expect([0, 1, 2, 8191, 16_383].map(tagOfSlot)).toEqual(['1bz', 'emj', '7lw', '7ho', 'hia']);
  });

  it.each([-1, SLOT_COUNT, 1.5, Number.NaN])('does not exist for slot %d', (slot) => {
    expect(() => tagOfSlot(slot)).toThrow(RangeError);
  });
});
