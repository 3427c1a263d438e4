import type { AnomalyReport } from './anomaly.js';
import { describeList, describeTransaction } from './history.js';
import type { HistoryTransaction, ReadOperation } from './history.js';
import { NO_WRITER } from './history-index.js';
import type { HistoryIndex, KeyHistory } from './history-index.js';

/** Finds what one read, one list or one transaction proves on its own, without any cycle. */
export function checkDirectly(index: HistoryIndex, report: AnomalyReport): void {
  const sound = soundVersions(index);
  for (const [position, transaction] of index.transactions.entries()) {
    if (!index.tookEffect(position)) continue;
    checkOwnView(index, position, report);
    for (const operation of transaction.operations) {
      if (operation.kind === 'append') continue;
      const { key, list } = operation;
      const keyHistory = index.keyHistory(key);
      const fits = isPrefix(list, keyHistory.version, list.length);
      // What is true of all elements of a list is true of its beginning, and need not be repeated.
      if (!fits || !sound.has(keyHistory)) checkElements(index, transaction, operation, report);
      if (!fits) {
        report.add('incompatible-order', [transaction.id], () => {
          const lists = `read ${describeList(list)} of ${describeList(keyHistory.version)}`;
          return `${key}: ${lists}\n  ${describeTransaction(transaction)}`;
        });
      }
      checkLastElement(index, position, operation, report);
    }
  }
  for (const keyHistory of index.keys.values()) checkProgramOrder(index, keyHistory, report);
  if (index.finalReads !== undefined) checkFinalReads(index, report);
}

/** The list is equal to the first elements of the version order. */
export function isPrefix(list: readonly number[], version: readonly number[], length: number) {
  if (length > version.length) return false;
  for (let at = 0; at < length; at += 1) if (list[at] !== version[at]) return false;
  return true;
}

/** How many elements come before the reader's own appends at the end of the list. */
export function foreignLength(keyHistory: KeyHistory, list: readonly number[], reader: number) {
  let length = list.length;
  if (!keyHistory.lastAppends.has(reader)) return length;
  while (length > 0 && keyHistory.writers.get(list[length - 1]!) === reader) length -= 1;
  return length;
}

/** A transaction sees its own appends, not its later ones, and the same list twice. */
function checkOwnView(index: HistoryIndex, position: number, report: AnomalyReport): void {
  const transaction = index.transactions[position]!;
  const views = new Map<string, { readonly start: readonly number[] | undefined; own: number[] }>();
  for (const operation of transaction.operations) {
    const view = views.get(operation.key) ?? { start: undefined, own: [] };
    if (operation.kind === 'append') {
      views.set(operation.key, { start: view.start, own: [...view.own, operation.value] });
      continue;
    }
    const { key, list } = operation;
    const start = view.start ?? list.slice(0, Math.max(0, list.length - view.own.length));
    const expected = [...start, ...view.own];
    const foreseen = view.start === undefined && containsOwn(index, key, start, position);
    if (foreseen || list.length !== expected.length || !isPrefix(list, expected, list.length)) {
      report.add('internal', [transaction.id], () => {
        const wanted = foreseen ? 'without its own later appends' : describeList(expected);
        return `read ${key} ${describeList(list)}, expected ${wanted}\n  ${describeTransaction(transaction)}`;
      });
    }
    views.set(key, { start: list, own: [] });
  }
}

function containsOwn(index: HistoryIndex, key: string, list: readonly number[], reader: number) {
  const keyHistory = index.keyHistory(key);
  if (!keyHistory.lastAppends.has(reader)) return false;
  return list.some((value) => keyHistory.writers.get(value) === reader);
}

/** The keys whose longest list has nothing but elements that may be there, each once. */
function soundVersions(index: HistoryIndex): ReadonlySet<KeyHistory> {
  const sound = new Set<KeyHistory>();
  for (const keyHistory of index.keys.values()) {
    const { version } = keyHistory;
    if (new Set(version).size < version.length) continue;
    if (suspectElements(index, keyHistory, version).length === 0) sound.add(keyHistory);
  }
  return sound;
}

function checkElements(
  index: HistoryIndex,
  transaction: HistoryTransaction,
  { key, list }: ReadOperation,
  report: AnomalyReport,
): void {
  for (const [element, writer] of suspectElements(index, index.keyHistory(key), list)) {
    const from = writer === NO_WRITER ? [] : [index.idOf(writer)];
    report.add(writer === NO_WRITER ? 'garbage-read' : 'G1a', [...from, transaction.id], () => {
      const origin = writer === NO_WRITER ? 'nobody appended' : `the failed ${from[0]} appended`;
      return `${key} shows ${element}, which ${origin}\n  ${describeTransaction(transaction)}`;
    });
  }
  checkDuplicates(key, list, transaction.id, report);
}

/** The last element of others is the last that its transaction appended. */
function checkLastElement(
  index: HistoryIndex,
  position: number,
  { key, list }: ReadOperation,
  report: AnomalyReport,
): void {
  const keyHistory = index.keyHistory(key);
  const last = list[foreignLength(keyHistory, list, position) - 1];
  const writer = index.writerOf(keyHistory, last);
  if (writer === NO_WRITER || keyHistory.lastAppends.get(writer) === last) return;
  const transaction = index.transactions[position]!;
  const source = index.transactions[writer]!;
  report.add('G1b', [source.id, transaction.id], () => {
    const cause = `${key} ends with ${last}, which is not the last append of ${source.id}`;
    return `${cause}\n  ${describeTransaction(source)}\n  ${describeTransaction(transaction)}`;
  });
}

/** Elements that nobody appended, or that a failed transaction appended. */
function suspectElements(
  index: HistoryIndex,
  keyHistory: KeyHistory,
  list: readonly number[],
): [element: number, writer: number][] {
  const suspects: [number, number][] = [];
  for (const element of list) {
    const writer = index.writerOf(keyHistory, element);
    if (writer === NO_WRITER || index.transactions[writer]!.status === 'fail') {
      suspects.push([element, writer]);
    }
  }
  return suspects;
}

function checkDuplicates(
  key: string,
  list: readonly number[],
  reader: string | undefined,
  report: AnomalyReport,
): void {
  const distinct = new Set(list);
  if (distinct.size === list.length) return;
  report.add('duplicate-element', reader === undefined ? [] : [reader], () => {
    const twice = list.filter((element, at) => list.indexOf(element) !== at);
    return `${reader ?? 'the final read'} shows ${twice.join(', ')} of ${key} more than once`;
  });
}

/** Two neighbours of one writer stand as it appended them; other disorder shows up as a cycle. */
function checkProgramOrder(
  index: HistoryIndex,
  keyHistory: KeyHistory,
  report: AnomalyReport,
): void {
  const { key, version } = keyHistory;
  for (let at = 1; at < version.length; at += 1) {
    const writer = index.writerOf(keyHistory, version[at]);
    if (writer === NO_WRITER || writer !== index.writerOf(keyHistory, version[at - 1])) continue;
    const transaction = index.transactions[writer]!;
    const order = transaction.operations.flatMap((operation) =>
      operation.kind === 'append' && operation.key === key ? [operation.value] : [],
    );
    if (order.indexOf(version[at]!) < order.indexOf(version[at - 1]!)) {
      report.add('internal', [transaction.id], () => {
        const seen = `${version[at - 1]} before ${version[at]}`;
        return `${key} has ${seen}, against the program order\n  ${describeTransaction(transaction)}`;
      });
    }
  }
}

function checkFinalReads(index: HistoryIndex, report: AnomalyReport): void {
  const present = new Map<string, ReadonlySet<number>>();
  for (const keyHistory of index.keys.values()) {
    const list = index.finalReads?.get(keyHistory.key) ?? [];
    present.set(keyHistory.key, new Set(list));
    checkFinalList(index, keyHistory, list, report);
  }
  for (const transaction of index.transactions) checkApplied(transaction, present, report);
}

function checkFinalList(
  index: HistoryIndex,
  keyHistory: KeyHistory,
  list: readonly number[],
  report: AnomalyReport,
): void {
  const { key, version } = keyHistory;
  checkDuplicates(key, list, undefined, report);
  for (const [element, writer] of suspectElements(index, keyHistory, list)) {
    if (writer !== NO_WRITER) continue;
    report.add('garbage-read', [], () => `the final ${key} shows ${element}, never appended`);
  }
  if (!isPrefix(list, version, list.length)) {
    report.add('incompatible-order', [], () => {
      return `the final ${key} is ${describeList(list)}, but ${describeList(version)} was read`;
    });
  }
  const kept = new Set(list);
  for (const element of version) {
    const writer = index.writerOf(keyHistory, element);
    if (kept.has(element) || writer === NO_WRITER) continue;
    if (index.transactions[writer]!.status !== 'info') continue;
    report.add('lost-write', [index.idOf(writer)], () => {
      return `${element} was read from ${key}, but the final read does not have it`;
    });
  }
}

/** Committed means all appends are there, failed means none, unknown means all or none. */
function checkApplied(
  transaction: HistoryTransaction,
  present: ReadonlyMap<string, ReadonlySet<number>>,
  report: AnomalyReport,
): void {
  const appends = transaction.operations.filter((operation) => operation.kind === 'append');
  const applied = appends.filter(({ key, value }) => present.get(key)?.has(value) === true);
  const missing = appends.length - applied.length;
  const detail = () =>
    `${applied.length} of ${appends.length} appends are in the final read\n  ${describeTransaction(transaction)}`;
  if (transaction.status === 'ok' && missing > 0) {
    report.add('lost-write', [transaction.id], detail);
  } else if (transaction.status === 'fail' && applied.length > 0) {
    report.add('aborted-write-applied', [transaction.id], detail);
  } else if (transaction.status === 'info' && applied.length > 0 && missing > 0) {
    report.add('partial-commit', [transaction.id], detail);
  }
}
