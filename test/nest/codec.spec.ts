import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Exclude, Type } from 'class-transformer';
import { classTransformerCodec } from '../../lib/class-transformer/index.js';
import { StoredDataError, TxEntity, type TxRepository } from '../../lib/index.js';
import { DistributedTxRuntime } from '../../lib/module/distributed-tx.runtime.js';
import { RepositoryFactory } from '../../lib/module/repository-factory.js';
import { definitionOf, type EntityClass } from '../../lib/repository/entity-definition.js';
import { EmbeddedStore } from '../../lib/store/embedded/embedded-store.js';

class Money {
  cents!: number;

  get text(): string {
    return (this.cents / 100).toFixed(2);
  }
}

/** The entity as three releases of one application declare it. */
@TxEntity({ name: 'bill', counters: ['reminders'] })
class BillWithoutCodec {
  id!: string;
  reminders!: number;
  cents!: number;
  dueAt!: string;
}

@TxEntity({ name: 'bill', counters: ['reminders'], codec: classTransformerCodec() })
class BillVersion1 {
  id!: string;
  reminders!: number;
  cents!: number;
  @Type(() => Date)
  dueAt!: Date;
  @Exclude()
  cached?: string;
}

@TxEntity({
  name: 'bill',
  counters: ['reminders'],
  codec: classTransformerCodec({
    version: 2,
    migrate: ({ cents, ...rest }) => ({ ...rest, price: { cents } }),
  }),
})
class BillVersion2 {
  id!: string;
  reminders!: number;
  @Type(() => Money)
  price!: Money;
  @Type(() => Date)
  dueAt!: Date;
}

const data = { id: 'b', reminders: 2, cents: 250, dueAt: '2026-03-01T00:00:00.000Z' };
let store: EmbeddedStore;

/** Each release is an application of its own on the same store. */
function release<T extends object>(entity: EntityClass<T>): TxRepository<T> {
  const runtime = new DistributedTxRuntime({ stores: { default: () => store } });
  return new RepositoryFactory(runtime).create(definitionOf(entity));
}

beforeEach(() => {
  store = new EmbeddedStore({
    name: 'default',
    clock: {
      now: () => performance.now(),
      time: () => Date.now(),
      schedule: () => () => undefined,
    },
    lifetime: { longestTimeoutMs: 60_000, marginMs: 10_000, retentionMs: 30_000 },
  });
});

describe('Entities with the codec on class-transformer', () => {
  it('come back as they were saved, with their counters', async () => {
    const bills = release(BillVersion1);
    const dueAt = new Date('2026-03-01');
    const saved = await bills.save({ id: 'b', reminders: 2, cents: 250, dueAt, cached: 'x' });
    expect(saved).toBeInstanceOf(BillVersion1);
    expect(saved).not.toHaveProperty('cached');
    await bills.increment('b', 'reminders', 1);
    const found = await bills.findOneOrFail('b');
    expect(found).toEqual(Object.assign(new BillVersion1(), { ...data, reminders: 3, dueAt }));
  });

  it('are read as every older release has stored them', async () => {
    await release(BillWithoutCodec).save(data);
    const first = await release(BillVersion1).findOneOrFail('b');
    expect(first.dueAt).toEqual(new Date(data.dueAt));
    const second = await release(BillVersion2).findOneOrFail('b');
    expect([second.price.text, second.reminders]).toEqual(['2.50', 2]);
    await release(BillVersion1).update('b', { cents: 300 });
    expect((await release(BillVersion2).findOneOrFail('b')).price.text).toBe('3.00');
  });

  it('are refused by an older release once a newer one has written them', async () => {
    await release(BillWithoutCodec).save(data);
    await release(BillVersion2).update('b', { dueAt: new Date(5) });
    expect((await release(BillVersion2).findOneOrFail('b')).price.text).toBe('2.50');
    await expect(release(BillVersion1).findOne('b')).rejects.toThrow(StoredDataError);
    await expect(release(BillWithoutCodec).findOne('b')).rejects.toThrow(/version 2.*no codec/);
  });
});

describe('The main entry point', () => {
  it('imports neither of the optional peers, directly or through others', () => {
    const { files, packages } = importsOf(new URL('../../lib/index.ts', import.meta.url));
    expect(files.length).toBeGreaterThan(30);
    expect(packages).toEqual(
      expect.arrayContaining(['@nestjs/common', '@nestjs/core', 'ioredis', 'rxjs']),
    );
    expect(packages.join(' ')).not.toMatch(/class-transformer|terminus|testing|express|fastify/);
    expect(files.join(' ')).not.toMatch(/lib\/(testing|terminus|class-transformer)\//);
  });
});

/** Everything that an entry point imports at run time. */
function importsOf(entry: URL): { files: string[]; packages: string[] } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const visit = (file: URL): void => {
    const path = fileURLToPath(file);
    if (files.has(path)) return;
    files.add(path);
    const source = readFileSync(path, 'utf8');
    const imports = source.matchAll(
      /^(?:import|export)\s+(?!type\s)[^;]*?from '([^']+)'|^import '([^']+)'/gm,
    );
    for (const [, from, bare] of imports) {
      const specifier = from ?? bare!;
      if (specifier.startsWith('.')) visit(new URL(specifier.replace(/\.js$/, '.ts'), file));
      else packages.add(specifier);
    }
  };
  visit(entry);
  return { files: [...files], packages: [...packages] };
}
