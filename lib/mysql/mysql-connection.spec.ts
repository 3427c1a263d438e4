import { EventEmitter } from 'node:events';
import type { Pool, PoolConnection } from 'mysql2/promise';
import { MysqlConnection } from './mysql-connection.js';

class FakeCore extends EventEmitter {
  constructor(readonly stream: { readonly localPort: number | undefined }) {
    super();
  }
}

function open(localPort: number | undefined, listed: boolean) {
  const asked: string[] = [];
  const did: string[] = [];
  const core = new FakeCore({ localPort });
  const connection = {
    connection: core,
    threadId: 7,
    destroy: () => did.push('destroy'),
    release: () => did.push('release'),
  };
  const pool = {
    query: async (statement: string) => {
      asked.push(statement);
      return [listed ? [{ id: 7 }] : []];
    },
  };
  const opened = new MysqlConnection(
    connection as unknown as PoolConnection,
    pool as unknown as Pool,
  );
  return { opened, asked, did, core };
}

describe('MysqlConnection', () => {
  it('is given back', async () => {
    const { opened, asked, did } = open(1234, true);
    await opened.release(false);

    expect(did).toEqual(['release']);
    expect(asked).toEqual([]);
  });

  it('that is broken is destroyed, and ended on the server where it is the same one', async () => {
    const { opened, asked, did } = open(1234, true);
    await opened.release(true);
    await Promise.resolve();

    expect(did).toEqual(['destroy']);
    expect(asked).toEqual([expect.stringMatching(/id = 7 AND host LIKE '%:1234'/), 'KILL 7']);
  });

  it('of a server that has started anew since ends nobody else', async () => {
    const { opened, asked } = open(1234, false);
    await opened.release(true);
    await Promise.resolve();

    expect(asked).toEqual([expect.stringMatching(/processlist/)]);
  });

  it('that cannot be told from others ends nobody', async () => {
    const { opened, asked } = open(undefined, true);
    await opened.release(true);

    expect(asked).toEqual([]);
  });

  it('lets an error that nobody waits for crash nobody', () => {
    const { core } = open(1234, true);

    expect(core.emit('error', new Error('cut off'))).toBe(true);
  });
});
