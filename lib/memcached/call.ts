import type { MemcachedConnection, Reply } from './memcached-connection.js';

/** What is asked of one server. */
export interface Question<T> {
  /** Its commands, each with its end of line. */
  readonly text: string;
  /** How many replies they get. */
  readonly replies: number;
  /** In local monotonic milliseconds. */
  readonly until: number;
  /** A lost reply leaves open whether something was written. */
  readonly writes: boolean;
  /** The one connection that it means anything on, and the answer where that is gone. */
  readonly on?: { readonly connection: MemcachedConnection; readonly otherwise: T };
  /** Reads the replies; what it throws is what the caller gets. */
  readonly read: (replies: readonly Reply[], connection: MemcachedConnection) => T;
}

/** A question that is on its way, and whoever waits for it. */
export interface Call extends Question<unknown> {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** Where it was sent. */
  sentOn?: MemcachedConnection;
}
