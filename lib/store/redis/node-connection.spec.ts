import type { Redis } from 'ioredis';
import { ManualClock } from '../../testing/manual-clock.js';
import { EncodedCommand } from './encoded-command.js';
import { NodeConnection } from './node-connection.js';

const TIMEOUT_MS = 400;

/** A connection to a server that answers when it is told to. */
function connect(pipelined = false) {
  const clock = new ManualClock();
  const sent: EncodedCommand[] = [];
  const writes: string[] = [];
  let given = 0;
  const stream = { cork: () => writes.push('cork'), uncork: () => writes.push('uncork') };
  const sendCommand = (command: EncodedCommand): void => {
    sent.push(command);
    writes.push(command.name);
  };
  const redis = { status: 'ready', stream, sendCommand } as unknown as Redis;
  const connection = new NodeConnection(redis, {
    clock,
    commandTimeoutMs: TIMEOUT_MS,
    giveUp: () => void given++,
    pipelined,
  });
  const ask = (): Promise<unknown> =>
    connection.execute(EncodedCommand.of('GET', ['a']), () => undefined);
  const answer = (): void => sent.shift()!.resolve('b');
  return { clock, ask, answer, writes, sent, connection, givenUp: () => given };
}

describe('a connection to one server', () => {
  it('is given up when nothing is answered in time', async () => {
    const { clock, ask, givenUp } = connect();
    void ask();
    await clock.advance(TIMEOUT_MS - 1);
    expect(givenUp()).toBe(0);
    await clock.advance(1);
    expect(givenUp()).toBe(1);
  });

  it('is given up for a command that came later, at most a quarter of the time late', async () => {
    const { clock, ask, answer, givenUp } = connect();
    void ask();
    await clock.advance(50);
    void ask();
    answer();
    await clock.advance(TIMEOUT_MS - 1);
    expect(givenUp()).toBe(0);
    await clock.advance(TIMEOUT_MS / 4 + 1);
    expect(givenUp()).toBe(1);
  });

  it('is kept as long as each command is answered in time, however many wait', async () => {
    const { clock, ask, answer, givenUp } = connect();
    for (let nth = 0; nth < 5; nth++) void ask();
    for (let nth = 0; nth < 50; nth++) {
      await clock.advance(70);
      void ask();
      answer();
    }
    expect(givenUp()).toBe(0);
  });

  it('leaves no timer behind when everything is answered', async () => {
    const { clock, ask, answer } = connect();
    const asked = ask();
    answer();
    expect(await asked).toBe('b');
    await clock.advance(TIMEOUT_MS / 4);
    expect(clock.pending).toBe(0);
  });

  it('does something else instead of failing, where that is asked for', async () => {
    const { connection, sent } = connect();
    const asked = connection.execute(EncodedCommand.of('GET', ['a']), (error) =>
      Promise.resolve(`instead of ${(error as Error).message}`),
    );
    sent.shift()!.reject(new Error('MOVED'));
    expect(await asked).toBe('instead of MOVED');
  });

  it('writes the commands of a turn at once, where they are pipelined', async () => {
    const { ask, writes } = connect(true);
    void ask();
    void ask();
    await new Promise((resolve) => process.nextTick(resolve));
    void ask();
    await new Promise((resolve) => process.nextTick(resolve));
    expect(writes).toEqual(['cork', 'GET', 'GET', 'uncork', 'cork', 'GET', 'uncork']);
  });
});
