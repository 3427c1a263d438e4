import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { ProxiedRequest } from './proxied-request.js';
import type { Fault } from './proxied-request.js';
import { RespFrameSplitter } from './resp-frame-splitter.js';

/** What a connection needs of its proxy. */
export interface ConnectionOwner {
  readonly targetPort: number;
  readonly isBlackholed: boolean;
  decide(request: ProxiedRequest): Fault;
  schedule(callback: () => void, milliseconds: number): void;
  forwarded(): void;
  /** Every reply of the server, also those that no client gets. */
  executed(connection: ProxiedConnection, request: ProxiedRequest): void;
  delivered(): void;
  holdLate(connection: ProxiedConnection, afterCommands: number | undefined): void;
  closed(connection: ProxiedConnection): void;
}

interface Forwarded {
  readonly request: ProxiedRequest;
  readonly fault: Fault;
}

/**
 * One client connection and its server connection. A fault that ends the connection is a barrier:
 * it waits until all earlier requests are answered, and no later request is forwarded.
 */
export class ProxiedConnection {
  readonly #number: number;
  readonly #owner: ConnectionOwner;
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #requests: ProxiedRequest[] = [];
  readonly #awaiting: Forwarded[] = [];
  readonly #replies: Buffer[] = [];
  #received = 0;
  #decided: Fault | undefined;
  #held: 'no' | 'delayed' | 'late' | 'forever' = 'no';
  #muted = false;
  #clientLeft = false;
  #serverLeft = false;
  #subscribed = false;
  #late: { readonly request: ProxiedRequest; readonly settle: (answered: boolean) => void } | null =
    null;
  #lateAnswered: Promise<boolean> = Promise.resolve(false);
  #output: Promise<void> = Promise.resolve();

  constructor(number: number, client: Socket, owner: ConnectionOwner) {
    this.#number = number;
    this.#owner = owner;
    this.#client = client;
    this.#server = connect({ port: owner.targetPort, host: '127.0.0.1', noDelay: true });
    client.setNoDelay(true);
    this.#listen();
  }

  /** Goes on after the proxy was healed. */
  resume(): void {
    this.#pumpReplies();
    this.#pumpRequests();
  }

  /** Cuts both sides at once; whatever was under way is lost, except a request that is held late. */
  cut(): void {
    this.#client.destroy();
    if (this.#held === 'late') return;
    this.#requests.length = 0;
    this.#server.destroy();
  }

  /** Cuts everything. */
  destroy(): void {
    this.#held = 'forever';
    this.#late?.settle(false);
    this.cut();
  }

  /** Delivers the request that is held late; false when the server left without answering it. */
  deliverLate(): Promise<boolean> {
    if (this.#held === 'late' && this.#late !== null) {
      this.#held = 'forever';
      if (this.#serverLeft) this.#late.settle(false);
      else this.#forward(this.#late.request, { kind: 'dropReply' });
    }
    return this.#lateAnswered;
  }

  #listen(): void {
    const requests = new RespFrameSplitter();
    const replies = new RespFrameSplitter();
    this.#client.on('data', (chunk) => {
      this.#receive(requests, chunk, (frame) => this.#ask(frame));
      this.#pumpRequests();
    });
    this.#client.on('close', () => {
      this.#clientLeft = true;
      this.#pumpRequests();
      this.#reportClosed();
    });
    this.#server.on('data', (chunk) => {
      this.#receive(replies, chunk, (frame) => this.#replies.push(frame));
      this.#pumpReplies();
      this.#pumpRequests();
    });
    this.#server.on('close', () => {
      this.#serverLeft = true;
      this.#late?.settle(false);
      this.#pumpReplies();
      this.#reportClosed();
    });
    // An error is always followed by a close, which is all that matters here.
    this.#client.on('error', () => {});
    this.#server.on('error', () => {});
  }

  #receive(splitter: RespFrameSplitter, chunk: Buffer, take: (frame: Buffer) => void): void {
    try {
      splitter.push(chunk).forEach(take);
    } catch (error) {
      console.error(`Connection ${this.#number} of the fault proxy was cut:`, error);
      this.destroy();
    }
  }

  #ask(frame: Buffer): void {
    this.#received += 1;
    this.#requests.push(new ProxiedRequest(this.#number, this.#received, frame));
  }

  #pumpRequests(): void {
    if (this.#owner.isBlackholed) return;
    while (this.#held === 'no' && this.#requests.length > 0) {
      const request = this.#requests[0]!;
      this.#decided ??= this.#owner.decide(request);
      const fault = this.#decided;
      if (isBarrier(fault) && this.#awaiting.length > 0 && !this.#serverLeft) return;
      this.#decided = undefined;
      this.#requests.shift();
      this.#apply(request, fault);
    }
    if (this.#clientLeft && this.#late === null && this.#held !== 'delayed') this.#server.end();
  }

  #apply(request: ProxiedRequest, fault: Fault): void {
    switch (fault.kind) {
      case 'pass':
      case 'sliceReply':
        return this.#forward(request, fault);
      case 'delay':
        this.#held = 'delayed';
        return this.#owner.schedule(() => {
          if (this.#held !== 'delayed') return;
          this.#held = 'no';
          this.#forward(request, fault);
          this.#pumpRequests();
        }, fault.milliseconds);
      case 'deliverLate':
        return this.#hold(request, fault.afterCommands);
      case 'cutBeforeRequest':
        return this.#close('end');
      case 'reset':
        if (fault.when === 'beforeRequest') return this.#close('reset');
        this.#held = 'forever';
        return this.#forward(request, fault);
      case 'cutBeforeReply':
      case 'dropReply':
        this.#held = 'forever';
        return this.#forward(request, fault);
    }
  }

  #forward(request: ProxiedRequest, fault: Fault): void {
    if (!this.#server.writable) return;
    this.#server.write(request.frame);
    this.#owner.forwarded();
    // Subscriptions are confirmed by messages, as many as there are channels.
    if (/^(s|p)?(un)?subscribe$/.test(request.name)) this.#subscribed = true;
    else this.#awaiting.push({ request, fault });
  }

  #hold(request: ProxiedRequest, afterCommands: number | undefined): void {
    this.#held = 'late';
    this.#lateAnswered = new Promise((settle) => {
      this.#late = { request, settle };
    });
    this.#afterOutput(() => this.#client.destroySoon());
    this.#owner.holdLate(this, afterCommands);
  }

  #pumpReplies(): void {
    while (!this.#owner.isBlackholed) {
      const frame = this.#replies.shift();
      if (frame === undefined) break;
      if (isMessage(frame, this.#subscribed)) this.#answer(frame, false);
      else this.#takeReply(frame, this.#awaiting.shift());
    }
    const done = this.#serverLeft && !this.#owner.isBlackholed && !this.#muted;
    if (done) this.#afterOutput(() => this.#client.destroySoon());
  }

  #takeReply(frame: Buffer, forwarded: Forwarded | undefined): void {
    // A reply that nobody asked for is a refusal of the connection itself.
    if (forwarded === undefined) return this.#answer(frame, false);
    const { fault, request } = forwarded;
    if (fault.kind === 'cutBeforeReply') this.#close('end');
    else if (fault.kind === 'reset') this.#close('reset');
    else if (fault.kind === 'dropReply') this.#mute(request);
    else this.#answer(frame, fault.kind === 'sliceReply');
    this.#owner.executed(this, request);
  }

  #mute(request: ProxiedRequest): void {
    this.#muted = true;
    if (this.#late?.request !== request) return;
    this.#late.settle(true);
    this.#late = null;
    this.#server.destroy();
  }

  #answer(frame: Buffer, sliced: boolean): void {
    if (this.#muted || !this.#client.writable) return;
    this.#owner.delivered();
    if (sliced) this.#output = this.#output.then(() => writeByteByByte(this.#client, frame));
    else this.#afterOutput(() => this.#client.writable && this.#client.write(frame));
  }

  #close(how: 'end' | 'reset'): void {
    this.#held = 'forever';
    this.#requests.length = 0;
    this.#muted = true;
    this.#server.destroy();
    this.#afterOutput(() => {
      if (how === 'end') this.#client.destroySoon();
      else this.#client.write('', () => this.#client.resetAndDestroy());
    });
  }

  /** Earlier replies reach the client before the action. */
  #afterOutput(action: () => void): void {
    this.#output = this.#output.then(action);
  }

  #reportClosed(): void {
    if (this.#client.closed && this.#server.closed) this.#owner.closed(this);
  }
}

function isBarrier(fault: Fault): boolean {
  return fault.kind !== 'pass' && fault.kind !== 'sliceReply' && fault.kind !== 'delay';
}

/** RESP3 pushes, and the arrays that RESP2 sends to a subscribed connection instead. */
function isMessage(frame: Buffer, subscribed: boolean): boolean {
  const start = frame.toString('latin1', 0, 40);
  if (start.startsWith('>')) return true;
  return subscribed && /^\*\d\r\n\$\d+\r\n[sp]?(message|(un)?subscribe)\r\n/.test(start);
}

async function writeByteByByte(client: Socket, frame: Buffer): Promise<void> {
  for (let at = 0; at < frame.length && client.writable; at += 1) {
    await new Promise<void>((resolve) => {
      client.write(frame.subarray(at, at + 1), () => setImmediate(resolve));
    });
  }
}
