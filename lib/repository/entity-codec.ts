/** What a codec knows of the entity it works for. */
export interface CodecContext {
  readonly entityClass: abstract new (...args: never[]) => object;
}

/**
 * Turns an entity into text and back. The text is stored with the codec's version, so that a later
 * release of an application can read what an earlier one has written. Counters are kept outside of it.
 */
export interface EntityCodec {
  /** Stored with every payload. A whole number from 1 up; 0 is plain JSON without a codec. */
  readonly version: number;
  /** @throws anything for an entity that cannot be stored; the transaction is rolled back. */
  encode(data: Readonly<Record<string, unknown>>, context: CodecContext): string;
  /** `version` is the one that the payload was stored with. */
  decode(payload: string, version: number, context: CodecContext): object;
}
