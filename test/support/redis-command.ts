import { connect } from 'node:net';

export type Reply = string | number | null | Reply[];

/** An error that the server answered with, as opposed to a connection that failed. */
export class RedisReplyError extends Error {
  override readonly name = 'RedisReplyError';
}

export interface CommandOptions {
  readonly timeoutMs?: number;
}

/** Sends one command over its own connection: enough to look after a server, without a client. */
export function redisCommand(
  port: number,
  args: readonly string[],
  { timeoutMs = 2_000 }: CommandOptions = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    let received = Buffer.alloc(0);
    const finish = (settle: () => void): void => {
      socket.destroy();
      settle();
    };
    socket.setTimeout(timeoutMs, () => {
      finish(() => reject(new Error(`No reply to ${args[0]} within ${timeoutMs} ms`)));
    });
    socket.on('error', (error) => finish(() => reject(error)));
    socket.on('close', () => reject(new Error(`Connection closed before ${args[0]} was answered`)));
    socket.on('connect', () => socket.write(encodeCommand(args)));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      const parsed = parseReply(received, 0);
      if (parsed === undefined) return;
      const { value } = parsed;
      finish(() => (value instanceof RedisReplyError ? reject(value) : resolve(value)));
    });
  });
}

function encodeCommand(args: readonly string[]): string {
  const bulks = args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`);
  return `*${args.length}\r\n${bulks.join('')}`;
}

interface Parsed<T> {
  readonly value: T;
  readonly end: number;
}

/** Reads one RESP2 reply; undefined when it has not arrived completely. */
function parseReply(bytes: Buffer, start: number): Parsed<Reply | RedisReplyError> | undefined {
  const lineEnd = bytes.indexOf('\r\n', start);
  if (lineEnd < 0) return undefined;
  const line = bytes.toString('utf8', start + 1, lineEnd);
  const end = lineEnd + 2;
  switch (String.fromCharCode(bytes[start] ?? 0)) {
    case '+':
      return { value: line, end };
    case '-':
      return { value: new RedisReplyError(line), end };
    case ':':
      return { value: Number(line), end };
    case '$':
      return parseBulk(bytes, end, Number(line));
    case '*':
      return parseArray(bytes, end, Number(line));
    default:
      throw new Error(`Not a RESP2 reply: ${line}`);
  }
}

function parseBulk(bytes: Buffer, start: number, length: number): Parsed<Reply> | undefined {
  if (length < 0) return { value: null, end: start };
  const end = start + length;
  if (bytes.length < end + 2) return undefined;
  return { value: bytes.toString('utf8', start, end), end: end + 2 };
}

function parseArray(bytes: Buffer, start: number, length: number): Parsed<Reply> | undefined {
  if (length < 0) return { value: null, end: start };
  const value: Reply[] = [];
  let end = start;
  for (let index = 0; index < length; index += 1) {
    const element = parseReply(bytes, end);
    if (element === undefined) return undefined;
    value.push(element.value instanceof RedisReplyError ? element.value.message : element.value);
    end = element.end;
  }
  return { value, end };
}
