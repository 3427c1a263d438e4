/** The value of the workload: about 61 bytes of JSON. */
export interface AccountData {
  id: string;
  owner: string;
  balance: number;
  s: string;
}

export const INITIAL_BALANCE = 1000;

export class InsufficientFundsError extends Error {
  override readonly name = 'InsufficientFundsError';

  constructor(readonly accountId: string) {
    super(`Account ${accountId} has not enough funds.`);
  }
}

export function accountIds(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `acct:${index}`);
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
