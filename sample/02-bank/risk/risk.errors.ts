/** A transfer that the bank does not allow. Nothing has changed. */
export abstract class TransferRefusedError extends Error {}

export class OverdrawnError extends TransferRefusedError {
  override readonly name = 'OverdrawnError';

  constructor(
    readonly customerId: string,
    readonly shortCents: number,
  ) {
    super(`The accounts of ${customerId} together would be overdrawn by ${shortCents} cents.`);
  }
}

export class DailyLimitError extends TransferRefusedError {
  override readonly name = 'DailyLimitError';

  constructor(
    readonly outflowId: string,
    readonly limitCents: number,
    options?: ErrorOptions,
  ) {
    super(`No more than ${limitCents} cents may be paid out by ${outflowId}.`, options);
  }
}
