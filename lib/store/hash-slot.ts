/**
 * Where Redis Cluster puts a key: CRC-16/XMODEM over the hash tag, modulo 16,384
 * (Redis Cluster specification, "Key distribution model").
 */
export const SLOT_COUNT = 16_384;

const CRC_TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc;
});

export function slotOf(key: string): number {
  const text = hashedPart(key);
  let crc = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 0x7f) return Buffer.from(text, 'utf8').reduce(nextCrc, 0) % SLOT_COUNT;
    crc = nextCrc(crc, code);
  }
  return crc % SLOT_COUNT;
}

function nextCrc(crc: number, byte: number): number {
  return ((crc << 8) ^ (CRC_TABLE[((crc >> 8) ^ byte) & 0xff] ?? 0)) & 0xffff;
}

/** The text between the first `{` and the next `}`, unless it is empty; else the whole key. */
function hashedPart(key: string): string {
  const open = key.indexOf('{');
  if (open < 0) return key;
  const close = key.indexOf('}', open + 1);
  return close > open + 1 ? key.slice(open + 1, close) : key;
}

let tags: readonly string[] | undefined;

/**
 * The short tag that stands for a slot in the keys of transaction records: for each slot the first
 * number, counted up from 0 and written in base 36, that falls into it. The table is the same in
 * every process, and no user text ever gets into an address. It is computed once, in some 20 ms, and
 * never changes afterwards.
 */
export function tagOfSlot(slot: number): string {
  tags ??= computeTags();
  const tag = tags[slot];
  if (tag === undefined) throw new RangeError(`There is no slot ${slot}.`);
  return tag;
}

function computeTags(): readonly string[] {
  const table = new Array<string>(SLOT_COUNT);
  for (let number = 0, found = 0; found < SLOT_COUNT; number++) {
    const tag = number.toString(36);
    const slot = slotOf(tag);
    if (table[slot] === undefined) {
      table[slot] = tag;
      found++;
    }
  }
  return table;
}
