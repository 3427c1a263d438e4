import { AsyncResource } from 'node:async_hooks';
import type { Knex } from 'knex';
import { KnexParticipant } from '../../lib/knex/index.js';
import type { AdapterScene } from './adapter-suite.js';

export interface Row {
  readonly id: number;
  readonly v: number;
}

/** A participant over a Knex, beside one that is not bound to transactions. */
export class KnexScene implements AdapterScene {
  readonly participant: KnexParticipant;
  #transaction: Knex.Transaction | undefined;

  constructor(
    readonly knex: Knex,
    readonly outsider: Knex,
  ) {
    this.participant = new KnexParticipant({ name: 'orders', knex });
  }

  get #db(): Knex {
    return this.#transaction ?? this.participant.knex;
  }

  async insert(id: number, v = 0): Promise<void> {
    await this.#db<Row>('t').insert({ id, v });
  }

  ids(): Promise<number[]> {
    return this.#db<Row>('t').orderBy('id').pluck('id');
  }

  async valueOf(id: number): Promise<number> {
    return (await this.#db<Row>('t').where({ id }).first())!.v;
  }

  async setValue(id: number, v: number): Promise<void> {
    await this.#db<Row>('t').where({ id }).update({ v });
  }

  readonly transaction = (work: () => Promise<void>): Promise<unknown> =>
    this.participant.knex.transaction(async (transaction) => {
      this.#transaction = transaction;
      await work().finally(() => (this.#transaction = undefined));
    });

  readonly capture = (): (() => Promise<unknown>) => {
    const rows = this.participant.knex<Row>('t').select();
    return AsyncResource.bind(async () => rows);
  };

  inUse(): number {
    return (this.knex.client as { pool: { numUsed(): number } }).pool.numUsed();
  }

  async outside(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const result = await this.outsider.raw(sql);
    return Array.isArray(result) ? result[0] : result.rows;
  }

  close(): Promise<void> {
    return this.knex.destroy();
  }
}
