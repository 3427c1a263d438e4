import {
  ParticipantConflictError,
  ParticipantRefusedError,
  ParticipantUnavailableError,
  TransactionClosedError,
} from '../errors/index.js';
import type { Branch } from '../participants/branch.js';
import { Propagation } from '../transaction/propagation.js';
import type { Transaction } from '../transaction/transaction.js';
import { branchOf, named, soon } from '../../test/support/caught-branch.js';
import { driverError, ScriptedParticipant, silence } from '../../test/support/scripted-database.js';
import { TestRuntime } from '../../test/support/test-runtime.js';
import { NoAnswerInTimeError } from './in-time.js';

describe('SqlBranch', () => {
  let participant: ScriptedParticipant;
  let runtime: TestRuntime;
  let transaction: Transaction;

  beforeEach(async () => {
    participant = new ScriptedParticipant();
    runtime = await TestRuntime.open({ stores: { default: 'embedded' } }, [participant]);
    transaction = runtime.manager.begin({ timeoutMs: 2000 });
  });

  afterEach(async () => {
    await transaction.rollback().catch(() => undefined);
    await runtime.close();
  });

  function run(...statements: string[]): Promise<void> {
    return transaction.run(async () => {
      for (const statement of statements) await participant.run(statement);
    });
  }

  async function open(): Promise<Branch> {
    return named(await branchOf(transaction, () => participant.run('one')));
  }

  function failing(statement: string, error: unknown): void {
    participant.answer = (sent) =>
      sent.startsWith(statement) ? Promise.reject(error as Error) : undefined;
  }

  function soonNot(): number {
    return performance.now() + 30;
  }

  it('begins at the first statement, and sends one at a time', async () => {
    let running = 0;
    let most = 0;
    participant.answer = async () => {
      most = Math.max(most, ++running);
      await Promise.resolve();
      running--;
      return [];
    };
    expect(participant.connections).toHaveLength(1);
    await transaction.run(() =>
      Promise.all(['one', 'two', 'three'].map((one) => participant.run(one))),
    );

    expect(participant.sent).toEqual([expect.stringMatching(/^BEGIN/), 'one', 'two', 'three']);
    expect(most).toBe(1);
  });

  it('places savepoints where a nested method runs its first statement', async () => {
    const nest = (work: () => Promise<void>): Promise<void> =>
      runtime.manager.run(work, { propagation: Propagation.NESTED });
    await transaction.run(async () => {
      await nest(async () => nest(() => participant.run('one')));
      await nest(async () => undefined);
      await participant.run('two');
    });

    expect(participant.sent.slice(1)).toEqual([
      'SAVEPOINT dtx_1',
      'SAVEPOINT dtx_2',
      'one',
      'RELEASE SAVEPOINT dtx_2',
      'RELEASE SAVEPOINT dtx_1',
      'two',
    ]);
  });

  it('gives back a connection that comes too late, and one whose begin fails is destroyed', async () => {
    let arrive: () => void = () => undefined;
    participant.connecting = new Promise<void>((resolve) => (arrive = resolve));
    const short = runtime.manager.begin({ timeoutMs: 40 });
    await expect(short.run(() => participant.run('one'))).rejects.toThrow(
      ParticipantUnavailableError,
    );
    arrive();
    await participant.connecting;
    failing('BEGIN', driverError('57P03', 'FATAL'));

    await expect(run('one')).rejects.toThrow(ParticipantUnavailableError);
    expect(participant.connections.map(({ released }) => released)).toEqual([
      [false],
      [false],
      [true],
    ]);
  });

  it('sends nothing more once the database has ended the transaction', async () => {
    failing('two', driverError('40001', 'ERROR'));
    await expect(run('one', 'two')).rejects.toMatchObject({ code: '40001' });
    await expect(run('three')).rejects.toThrow(ParticipantConflictError);

    expect(participant.sent).not.toContain('three');
    expect(transaction.conflict).toBeInstanceOf(ParticipantConflictError);
  });

  it('that ends with a statement under way destroys the connection, and the statement fails', async () => {
    participant.answer = (statement) => (statement === 'two' ? silence() : undefined);
    const branch = await open();
    const running = run('two');
    await participant.rollback(branch, soonNot());

    await expect(running).rejects.toThrow(TransactionClosedError);
    expect(participant.connections.at(-1)!.released).toEqual([true]);
    expect(participant.sent).not.toContain('ROLLBACK');
  });

  it.each([
    ['that is not answered', silence, NoAnswerInTimeError],
    ['whose connection is lost', () => Promise.reject(driverError('ECONNRESET')), /ECONNRESET/],
    ['that the server breaks off', () => Promise.reject(driverError('57P01', 'FATAL')), /57P01/],
  ] as const)('passes on a commit %s as it is: it may have happened', async (_, answer, error) => {
    const branch = await open();
    participant.answer = (statement) => (statement === 'COMMIT' ? answer() : undefined);

    await expect(participant.decide(branch, performance.now() + 60)).rejects.toThrow(
      error as RegExp,
    );
    await participant.rollback(branch, soonNot());
    expect(participant.connections.at(-1)!.released).toEqual([true]);
  });

  it.each([
    ['COMMIT', '40001', ParticipantConflictError],
    ['INSERT', '23505', ParticipantRefusedError],
    ['INSERT', '23502', ParticipantRefusedError],
    ['COMMIT', '23503', ParticipantRefusedError],
  ])('knows that nothing happened when %s is answered %s', async (statement, code, kind) => {
    const branch = await open();
    failing(statement, driverError(code, 'ERROR'));

    await expect(participant.decide(branch, soon())).rejects.toThrow(kind);
    participant.answer = () => undefined;
    await participant.rollback(branch, soon());
    expect(participant.connections.at(-1)!.released).toEqual([false]);
  });

  it('does not decide while a statement runs', async () => {
    participant.answer = (statement) => (statement === 'two' ? silence() : undefined);
    const branch = await open();
    const running = run('two').catch(() => undefined);

    await expect(participant.decide(branch, soonNot())).rejects.toThrow(
      ParticipantUnavailableError,
    );
    expect(participant.sent).not.toContain('COMMIT');
    await participant.rollback(branch, soonNot());
    await running;
  });

  it('takes a PREPARE that left nothing prepared for a refusal', async () => {
    const branch = await open();

    await expect(participant.prepare(branch, soon())).rejects.toThrow(ParticipantRefusedError);
    await participant.rollback(branch, soon());
    expect(participant.sent.at(-1)).toMatch(/^ROLLBACK PREPARED/);
  });

  it('destroys a connection whose settings the user has changed for good', async () => {
    participant.answer = (statement) =>
      statement.includes('pg_prepared_xacts') ? [{ prepared: 1 }] : undefined;
    const branch = await open();
    await run('SET search_path = mine');
    await participant.prepare(branch, soon());

    expect(participant.connections.at(-1)!.released).toEqual([true]);
  });
});
