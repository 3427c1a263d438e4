const CARRIAGE_RETURN = 13;
const LINE_END_LENGTH = 2;
const LINE_TYPES = ['+', '-', ':', '_', '#', ',', '('];
const STRING_TYPES = ['$', '!', '='];
const LIST_TYPES = ['*', '~', '>'];
const MAP_TYPE = '%';
const ATTRIBUTE_TYPE = '|';

/**
 * Cuts a RESP2 or RESP3 byte stream into its top-level values. Only lengths are understood: nested
 * values are counted, not built. Streamed strings and aggregates, which no Redis sends, are refused.
 */
export class RespFrameSplitter {
  /** Chunks of the value that is not complete yet. */
  #pieces: Buffer[] = [];
  /** The part of a header line that came at the end of an earlier chunk. */
  #header = '';
  /** How many values are still missing until the top-level one is complete. */
  #missing = 1;
  /** Bytes of a string, with its line end, that need no looking at. */
  #skip = 0;

  /** The values that the chunk completes. */
  push(chunk: Buffer): Buffer[] {
    const frames: Buffer[] = [];
    let frameStart = 0;
    let at = 0;
    while (at < chunk.length) {
      at = this.#skip > 0 ? this.#skipString(chunk, at) : this.#readHeader(chunk, at);
      if (this.#missing > 0 || this.#skip > 0) continue;
      frames.push(Buffer.concat([...this.#pieces, chunk.subarray(frameStart, at)]));
      this.#pieces = [];
      this.#missing = 1;
      frameStart = at;
    }
    if (frameStart < chunk.length) this.#pieces.push(chunk.subarray(frameStart));
    return frames;
  }

  #skipString(chunk: Buffer, at: number): number {
    const skipped = Math.min(this.#skip, chunk.length - at);
    this.#skip -= skipped;
    return at + skipped;
  }

  #readHeader(chunk: Buffer, at: number): number {
    const end = chunk.indexOf(CARRIAGE_RETURN, at);
    if (end < 0) {
      this.#header += chunk.toString('latin1', at);
      return chunk.length;
    }
    const header = this.#header + chunk.toString('latin1', at, end);
    this.#header = '';
    this.#skip = 1;
    this.#count(header);
    return end + 1;
  }

  #count(header: string): void {
    const type = header.charAt(0);
    if (LINE_TYPES.includes(type)) {
      this.#missing -= 1;
    } else if (STRING_TYPES.includes(type)) {
      const length = parseLength(header);
      if (length >= 0) this.#skip += length + LINE_END_LENGTH;
      this.#missing -= 1;
    } else if (LIST_TYPES.includes(type)) {
      this.#missing += Math.max(0, parseLength(header)) - 1;
    } else if (type === MAP_TYPE) {
      this.#missing += 2 * parseLength(header) - 1;
    } else if (type === ATTRIBUTE_TYPE) {
      // Attributes come in addition to the value that they belong to.
      this.#missing += 2 * parseLength(header);
    } else {
      throw new Error(`Not a RESP value: ${JSON.stringify(header.slice(0, 40))}`);
    }
  }
}

/** The strings of a command, which is an array of bulk strings. */
export function decodeCommand(frame: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  let at = frame.indexOf(CARRIAGE_RETURN) + LINE_END_LENGTH;
  while (at < frame.length) {
    const end = frame.indexOf(CARRIAGE_RETURN, at);
    const length = parseLength(frame.toString('latin1', at, end));
    const start = end + LINE_END_LENGTH;
    parts.push(frame.subarray(start, start + length));
    at = start + length + LINE_END_LENGTH;
  }
  return parts;
}

function parseLength(header: string): number {
  const length = Number(header.slice(1));
  if (header.length < 2 || !Number.isInteger(length)) {
    throw new Error(`Not a RESP length: ${JSON.stringify(header.slice(0, 40))}`);
  }
  return length;
}
