export const ANOMALY_KINDS = [
  'garbage-read',
  'G1a',
  'G1b',
  'internal',
  'duplicate-element',
  'lost-write',
  'aborted-write-applied',
  'partial-commit',
  'incompatible-order',
  'G0',
  'G1c',
  'G-single',
  'G2',
  'strict-violation',
] as const;

export type AnomalyKind = (typeof ANOMALY_KINDS)[number];

export interface Anomaly {
  readonly kind: AnomalyKind;
  /** The transactions involved; the final read is not one of them. */
  readonly transactions: readonly string[];
  /** What was seen, with the operations that prove it. */
  readonly message: string;
}

/** Collects anomalies, only the first few of each kind: a broken system yields thousands. */
export class AnomalyReport {
  readonly #limitPerKind: number;
  readonly #found = new Map<AnomalyKind, Anomaly[]>();

  constructor(limitPerKind: number) {
    this.#limitPerKind = limitPerKind;
  }

  /** The message is a function because it is costly and mostly not wanted. */
  add(kind: AnomalyKind, transactions: readonly string[], message: () => string): void {
    const found = this.#found.get(kind) ?? [];
    if (found.length >= this.#limitPerKind) return;
    found.push({ kind, transactions, message: `${kind}: ${message()}` });
    this.#found.set(kind, found);
  }

  all(): Anomaly[] {
    return ANOMALY_KINDS.flatMap((kind) => this.#found.get(kind) ?? []);
  }
}
