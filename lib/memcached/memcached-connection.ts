import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';
import { MemcacheParser } from 'memcache-parser';
import type { ServerAddress } from './server-address.js';

/** What the server says to one command: the words of its line, and the text that follows it. */
export interface Reply {
  readonly words: readonly string[];
  readonly text?: string;
}

/** One or more commands that are sent together, and who is told what comes of them: one of both, once. */
export interface Message {
  readonly text: string;
  /** How many replies the commands get. */
  readonly replies: number;
  answered(replies: readonly Reply[]): void;
  /** The connection ended before all were there. */
  lost(cause: Error): void;
}

const keepAliveMs = 30_000;

function ignore(): void {}
const silent = { error: ignore, debug: ignore, info: ignore, warn: ignore };

/** One connection: messages go out in their order and are answered in it. It never connects again. */
export class MemcachedConnection extends MemcacheParser {
  readonly #socket: Socket;
  readonly #messages: Message[] = [];
  #replies: Reply[] = [];
  /** How many replies to the first message are there as a whole. */
  #complete = 0;
  #ended: Error | undefined;

  constructor(socket: Socket) {
    super(silent);
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, keepAliveMs);
    socket.on('data', (data: Buffer) => this.#read(data));
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(new Error('the server closed the connection')));
  }

  get isOpen(): boolean {
    return this.#ended === undefined;
  }

  /** Writes all of them at once. */
  send(messages: readonly Message[]): void {
    if (this.#ended !== undefined) {
      for (const message of messages) message.lost(this.#ended);
      return;
    }
    if (messages.length === 0) return;
    let text = '';
    for (const message of messages) {
      this.#messages.push(message);
      text += message.text;
    }
    this.#socket.write(text);
  }

  /** Ends at once; what has not left this machine never will. */
  cut(cause: Error): void {
    this.#end(cause);
    if (this.#socket instanceof TLSSocket) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  /** For a connection on which nothing is open. */
  close(): void {
    this.#end(new Error('the connection was closed'));
    this.#socket.destroy();
  }

  override processCmd(words: string[]): number {
    if (words[0] === 'VA') this.initiatePending(words, Number(words[1]));
    else this.#take({ words });
    return 1;
  }

  override receiveResult(result: { cmdTokens: string[]; data?: Buffer } | string): void {
    if (typeof result === 'string') return;
    this.#take({ words: result.cmdTokens, text: result.data?.toString() ?? '' });
  }

  override malformDataStream(): void {
    throw new Error('what the server sent is not the protocol of Memcached');
  }

  override malformCommand(): void {
    this.malformDataStream();
  }

  #read(data: Buffer): void {
    try {
      this.onData(data);
    } catch (error) {
      this.cut(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #take(reply: Reply): void {
    const message = this.#messages[0];
    if (message === undefined) throw new Error(`the server said unasked: ${reply.words.join(' ')}`);
    this.#replies.push(reply);
    // Statistics are one reply of many lines; all others have one.
    if (reply.words[0] === 'STAT') return;
    this.#complete++;
    if (this.#complete < message.replies) return;
    const replies = this.#replies;
    this.#replies = [];
    this.#complete = 0;
    this.#messages.shift();
    message.answered(replies);
  }

  #end(cause: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = cause;
    for (const message of this.#messages.splice(0)) message.lost(cause);
  }
}

/** @throws the error of the socket, or one that says that time is over. */
export function openConnection(
  { host, port, tls }: ServerAddress,
  signal: AbortSignal,
): Promise<MemcachedConnection> {
  return new Promise((resolve, reject) => {
    const socket =
      tls === undefined ? connectTcp({ host, port }) : connectTls({ host, port, ...tls });
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    const giveUp = (): void => fail(new Error('it took too long to connect'));
    socket.once('error', fail);
    signal.addEventListener('abort', giveUp, { once: true });
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      signal.removeEventListener('abort', giveUp);
      const connection = new MemcachedConnection(socket);
      socket.off('error', fail);
      resolve(connection);
    });
  });
}
