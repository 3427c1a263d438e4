import { TxEntity } from '../../lib/repository/entity-definition.js';
import type { TxRepository } from '../../lib/repository/tx-repository.js';
import { List } from './entities.js';
import type { TestRuntime } from './test-runtime.js';

/** A list in the store `far`. */
@TxEntity({ name: 'far-list', store: 'far' })
export class FarList {
  id!: string;
  values!: number[];
}

/** Where lists lie: all of them in the default store, or about every other one in `far`. */
export type ListPlaces = 'default' | 'both';

/** Lists in whichever stores they lie. */
export class PlacedLists {
  readonly #near: TxRepository<List>;
  readonly #far: TxRepository<List> | undefined;

  constructor(runtime: TestRuntime, places: ListPlaces = 'default') {
    this.#near = runtime.repository(List);
    this.#far = places === 'both' ? runtime.repository(FarList) : undefined;
  }

  findOne(id: string): Promise<List | null> {
    return this.#of(id).findOne(id);
  }

  findOneForUpdate(id: string): Promise<List | null> {
    return this.#of(id).findOneForUpdate(id);
  }

  save(list: List): Promise<List> {
    return this.#of(list.id).save(list);
  }

  /** Those of each store together, in the order of the ids. */
  async findMany(ids: readonly string[]): Promise<(List | null)[]> {
    if (this.#far === undefined) return this.#near.findMany(ids);
    const found = await Promise.all([
      this.#near.findMany(ids.filter((id) => !isFar(id))),
      this.#far.findMany(ids.filter(isFar)),
    ]);
    const byId = new Map(found.flat().map((list) => [list?.id, list]));
    return ids.map((id) => byId.get(id) ?? null);
  }

  #of(id: string): TxRepository<List> {
    return this.#far !== undefined && isFar(id) ? this.#far : this.#near;
  }
}

function isFar(id: string): boolean {
  return id.charCodeAt(id.length - 1) % 2 === 1;
}
