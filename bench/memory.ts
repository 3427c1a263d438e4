// Measures what the library holds: heap per transaction in flight, and bytes per stored item. Runs in
// a process of its own with --expose-gc; what was found goes to the parent as one message.
import { getTxRepositoryToken, TransactionManager, type TxRepository } from 'nestjs-distributed-tx';
import { type AccountData, accountIds, newAccount } from './accounts.js';
import { answerParent } from './child-process.js';
import type { MemoryFindings, MemorySpec } from './memory-report.js';
import {
  Account,
  createBankApplication,
  insertAccounts,
  TransferService,
} from './systems/nestjs-distributed-tx.js';
import { scanStoredItems } from './systems/stored-items.js';

const TIMEOUT_MS = 60_000;
const WARM_UP_TRANSACTIONS = 500;
const TRANSFERS_AT_ONCE = 64;

type Pair = readonly [from: string, to: string];

async function measureMemory(spec: MemorySpec): Promise<MemoryFindings> {
  const application = await createBankApplication({ redis: spec.redisUrl });
  try {
    const ids = accountIds(2 * spec.transactions);
    await insertAccounts(application, ids);
    const pairs = pairsOf(ids);
    const manager = application.get(TransactionManager);
    const accounts = application.get<TxRepository<Account>>(getTxRepositoryToken(Account), {
      strict: false,
    });
    await heapOfOpenTransactions(manager, accounts, pairs.slice(0, WARM_UP_TRANSACTIONS));
    const held = await heapOfOpenTransactions(manager, accounts, pairs);
    await transferOnce(application.get(TransferService), pairs);
    return {
      heldPerTransaction: held / pairs.length,
      valuesPerTransaction: heapOfValues(pairs) / pairs.length,
      ...(await itemOverheads(spec.redisUrl)),
    };
  } finally {
    await application.close();
  }
}

/** Opens one transaction per pair, lets each read two items and write two, and holds them there. */
async function heapOfOpenTransactions(
  manager: TransactionManager,
  accounts: TxRepository<Account>,
  pairs: readonly Pair[],
): Promise<number> {
  let waiting = 0;
  let allWait!: () => void;
  let release!: () => void;
  const ready = new Promise<void>((resolve) => {
    allWait = resolve;
  });
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const before = settledHeap();
  const open = pairs.map((pair) =>
    manager.run(
      async () => {
        const [source, target] = await accounts.findManyOrFail([...pair]);
        if (source === undefined || target === undefined) throw new Error('unreachable');
        await accounts.save({ ...source, balance: source.balance - 1 });
        await accounts.save({ ...target, balance: target.balance + 1 });
        waiting += 1;
        if (waiting === pairs.length) allWait();
        await gate;
      },
      { timeoutMs: TIMEOUT_MS },
    ),
  );
  await Promise.race([ready, Promise.all(open)]);
  const during = settledHeap();
  release();
  await Promise.all(open);
  return during - before;
}

/** What the same values take as JSON strings and nothing else. */
function heapOfValues(pairs: readonly Pair[]): number {
  const before = settledHeap();
  const values = pairs.map(([from, to]) => [json(from), json(to), json(from), json(to)]);
  const during = settledHeap();
  if (values.length !== pairs.length) throw new Error('unreachable');
  return during - before;
}

function json(id: string): string {
  const account: AccountData = newAccount(id);
  return JSON.stringify(account);
}

async function transferOnce(service: TransferService, pairs: readonly Pair[]): Promise<void> {
  for (let start = 0; start < pairs.length; start += TRANSFERS_AT_ONCE) {
    const batch = pairs.slice(start, start + TRANSFERS_AT_ONCE);
    await Promise.all(batch.map(([from, to]) => service.transfer(from, to, 1, { attempts: 0 })));
  }
}

async function itemOverheads(
  redisUrl: string,
): Promise<Pick<MemoryFindings, 'itemOverheadMedian' | 'itemOverheadMax'>> {
  const items = await scanStoredItems([redisUrl]);
  const overheads = items.map((item) => item.storedLength - item.jsonLength).sort((a, b) => a - b);
  return {
    itemOverheadMedian: overheads[overheads.length >> 1] ?? Number.NaN,
    itemOverheadMax: overheads.at(-1) ?? Number.NaN,
  };
}

function pairsOf(ids: readonly string[]): Pair[] {
  return Array.from({ length: ids.length >> 1 }, (_, index) => [
    ids[2 * index] as string,
    ids[2 * index + 1] as string,
  ]);
}

/** The heap once nothing can be collected any more. */
function settledHeap(): number {
  if (globalThis.gc === undefined) throw new Error('Run with --expose-gc.');
  for (let pass = 0; pass < 4; pass += 1) globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

answerParent(measureMemory);
