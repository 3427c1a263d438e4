import { TxEntity, type TxRepository } from '../../../lib/index.js';

/** What most of these specs read and write. */
@TxEntity({ name: 'tally', counters: ['total'] })
export class Tally {
  id!: string;
  total!: number;
  by!: string;
}

/** Reads and writes, so that two of these at once are a conflict. */
export async function addTo(tallies: TxRepository<Tally>, id: string, by: string): Promise<number> {
  const found = await tallies.findOne(id);
  const total = (found?.total ?? 0) + 1;
  await tallies.save({ id, total, by });
  return total;
}
