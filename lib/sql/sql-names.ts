import { InvariantViolationError } from '../errors/index.js';
import type { Branch, BranchTransaction } from '../participants/branch.js';
import { parseAddress, printWithin } from '../store/transaction-address.js';

const DECISION_ID = /^[\w-]{1,32}:[\w-]{1,64}@[0-9a-z]{1,8}@\d{1,16}$/;
const GLOBAL_ID =
  /^dtx:([\w-]{1,32}):([\w-]{1,64}@[0-9a-z]{1,8}@\d{1,16}):([\w.-]{1,40}):(\d{1,9})$/;
const CACHE = /^[\w-]{1,32}$/;
const TABLE = /^[A-Za-z_]\w{0,62}(\.[A-Za-z_]\w{0,62})?$/;
const SAVEPOINT = /^[A-Za-z_]\w{0,62}$/;

/** The key of the row that says what was decided: at most 128 letters, digits and `-_:@`. */
export function decisionIdOf({ cache, address }: BranchTransaction): string {
  return checked(`${cache}:${printWithin(address)}`, DECISION_ID);
}

/** What a prepared transaction is named in the database: `dtx:<cache>:<address>:<participant>:<number>`. */
export function globalIdOf(branch: Branch): string {
  const { cache, address } = branch.transaction;
  const { participant, number } = branch;
  return checked(`dtx:${cache}:${printWithin(address)}:${participant}:${number}`, GLOBAL_ID);
}

export interface GlobalId extends BranchTransaction {
  readonly participant: string;
  readonly number: number;
}

/** Undefined for a name that is none of ours. */
export function parseGlobalId(text: string): GlobalId | undefined {
  const [, cache, address, participant, number] = GLOBAL_ID.exec(text) ?? [];
  if (!cache || !address || !participant || !number) return undefined;
  return { cache, address: parseAddress(address), participant, number: Number(number) };
}

/** The transaction that a row is about; undefined for one that is none of ours. */
export function parseDecisionId(text: string): BranchTransaction | undefined {
  if (!DECISION_ID.test(text)) return undefined;
  const end = text.indexOf(':');
  return { cache: text.slice(0, end), address: parseAddress(text.slice(end + 1)) };
}

/** A text of letters that need no quoting, as a literal. */
export function literal(text: string): string {
  if (DECISION_ID.test(text) || GLOBAL_ID.test(text) || CACHE.test(text)) return `'${text}'`;
  throw unsafe(text);
}

export function checkedCache(cache: string): string {
  return checked(cache, CACHE);
}

export function checkedTable(table: string): string {
  return checked(table, TABLE);
}

export function isTableName(table: unknown): table is string {
  return typeof table === 'string' && TABLE.test(table);
}

export function checkedSavepoint(name: string): string {
  return checked(name, SAVEPOINT);
}

export function wholeNumber(value: number): string {
  const whole = Math.ceil(value);
  if (!Number.isSafeInteger(whole) || whole < 0) throw unsafe(String(value));
  return String(whole);
}

function checked(text: string, pattern: RegExp): string {
  if (pattern.test(text)) return text;
  throw unsafe(text);
}

function unsafe(text: string): Error {
  return new InvariantViolationError(`${JSON.stringify(text)} cannot be part of a statement.`);
}
