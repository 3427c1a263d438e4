/** The value of the workload: about 61 bytes of JSON. */
export interface AccountData {
  id: string;
  owner: string;
  balance: number;
  s: string;
}

export const INITIAL_BALANCE = 1000;

/**
 * Accounts with successive numbers form a group. Their ids differ in the last digit alone, and CRC16
 * maps keys that differ so little to different slots: without a hash tag no two share one.
 */
export const ACCOUNTS_PER_GROUP = 10;

export class InsufficientFundsError extends Error {
  override readonly name = 'InsufficientFundsError';

  constructor(readonly accountId: string) {
    super(`Account ${accountId} has not enough funds.`);
  }
}

export function accountIds(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `acct:${index}`);
}

/** The group of an account, for a hash tag: `acct:123` belongs to `group-12`. */
export function groupOf(id: string): string {
  return `group-${Math.floor(Number(id.slice('acct:'.length)) / ACCOUNTS_PER_GROUP)}`;
}

export function newAccount(id: string): AccountData {
  return { id, owner: id.replace('acct:', 'owner-'), balance: INITIAL_BALANCE, s: 'ok' };
}

/** Moves the amount from one parsed account to the other, in place. */
export function move(source: AccountData, target: AccountData, amount: number): void {
  if (source.balance < amount) throw new InsufficientFundsError(source.id);
  source.balance -= amount;
  target.balance += amount;
}
