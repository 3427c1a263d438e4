import type { Side } from './money-client.js';
import type { Receipts } from './money-servers.js';

/** One transfer as its process noted it. */
export interface NotedTransfer {
  readonly id: string;
  readonly sides: readonly Side[];
  /** `unknown`: the process was told so, or died. */
  readonly told: 'committed' | 'rolled back' | 'unknown';
  /** What the process was told instead of an outcome. */
  readonly error: string | undefined;
  /** Of one whose outcome nobody could tell. */
  readonly address: string | undefined;
}

export function readNotes(text: string): NotedTransfer[] {
  const begun = new Map<string, readonly Side[]>();
  const ends = new Map<string, { readonly mark: string; readonly rest: string }>();
  for (const line of text.split('\n')) {
    const [id = '', rest = ''] = line.slice(1).split(' ');
    if (line.startsWith('?')) begun.set(id, rest.split(',') as Side[]);
    else if (line !== '') ends.set(id, { mark: line[0]!, rest });
  }
  return [...begun].map(([id, sides]) => {
    const { mark = '', rest } = ends.get(id) ?? {};
    const told = mark === '=' ? 'committed' : mark === '-' ? 'rolled back' : 'unknown';
    return {
      id,
      sides,
      told,
      error: mark === '-' ? rest : undefined,
      address: mark === '!' ? rest : undefined,
    };
  });
}

/** Every transfer that is not noted exactly where it has to be, in words. */
export function wrongTransfers(notes: readonly NotedTransfer[], receipts: Receipts): string[] {
  const wrong: string[] = [];
  const known = new Map(notes.map((note) => [note.id, note]));
  for (const note of notes) {
    const found = placesOf(note.id, receipts);
    const wanted = [...new Set(note.sides.map(placeOf))].toSorted();
    const isWhole = found.join() === wanted.join();
    const isNothing = found.length === 0;
    const mayBe = { committed: isWhole, 'rolled back': isNothing, unknown: isWhole || isNothing };
    if (mayBe[note.told]) continue;
    wrong.push(
      `${note.id} over ${note.sides.join()} was told ${note.told}, and is in ${found.join()}`,
    );
  }
  for (const id of new Set([...receipts.redis, ...receipts.pg, ...receipts.maria])) {
    if (!known.has(id)) wrong.push(`${id} was never begun`);
  }
  return wrong;
}

export function isIn(id: string, receipts: Receipts): boolean {
  return placesOf(id, receipts).length > 0;
}

function placeOf(side: Side): keyof Receipts {
  return side === 'maria-xa' ? 'maria' : side;
}

function placesOf(id: string, receipts: Receipts): (keyof Receipts)[] {
  return (['maria', 'pg', 'redis'] as const).filter((place) => receipts[place].has(id));
}
