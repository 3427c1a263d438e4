/** The properties of an entity, without its methods: what can be stored. */
export type EntityData<T> = {
  [K in keyof T as T[K] extends (...args: never[]) => unknown ? never : K]: T[K];
};

/** The names of the properties that can be counters. */
export type CounterField<T> = {
  [K in keyof T]-?: T[K] extends number ? K : never;
}[keyof T] &
  string;

/** The range that a counter must stay in; both ends are allowed. */
export interface IncrementBounds {
  readonly min?: number;
  readonly max?: number;
}

export interface AdoptResult {
  /** How many values became entities. */
  readonly adopted: number;
  /** How many were entities already, or absent. */
  readonly skipped: number;
}
