import type { Decide, Fault, FaultKind } from './fault-proxy.js';
import type { SeededRandom } from './seeded-random.js';

/** The commands that carry transactions; what connects and checks is left alone. */
const carriers = new Set(['mget', 'evalsha', 'eval', 'get']);

const kinds = [
  'cutBeforeRequest',
  'cutBeforeReply',
  'deliverLate',
  'reset',
  'dropReply',
  'delay',
  'sliceReply',
] as const satisfies readonly FaultKind[];

/** Breaks every so-manieth command of transactions, in a way that is drawn anew each time. */
export function randomFaults(random: SeededRandom, probability: number): Decide {
  return ({ name }) => {
    if (!carriers.has(name) || !random.chance(probability)) return undefined;
    return drawFault(random);
  };
}

function drawFault(random: SeededRandom): Fault {
  const kind = random.pick(kinds);
  switch (kind) {
    case 'deliverLate':
      return { kind, afterCommands: 1 + random.integer(60) };
    case 'reset':
      return { kind, when: random.chance(0.5) ? 'beforeRequest' : 'beforeReply' };
    case 'delay':
      return { kind, milliseconds: 1 + random.integer(40) };
    case 'cutBeforeRequest':
    case 'cutBeforeReply':
    case 'dropReply':
    case 'sliceReply':
      return { kind };
  }
}
