import { decodeCommand } from './resp-frame-splitter.js';

const SETUP_COMMANDS = new Set(['hello', 'auth', 'client', 'select', 'info', 'readonly', 'quit']);

/** One command on its way from a client to the server. */
export class ProxiedRequest {
  /** Connections are numbered from 1 in the order in which they came in. */
  readonly connection: number;
  /** The place of the request among those of its connection, from 1. */
  readonly sequence: number;
  readonly frame: Buffer;
  #command: readonly Buffer[] | undefined;

  constructor(connection: number, sequence: number, frame: Buffer) {
    this.connection = connection;
    this.sequence = sequence;
    this.frame = frame;
  }

  /** The command with its arguments, decoded when it is first looked at. */
  get command(): readonly Buffer[] {
    this.#command ??= decodeCommand(this.frame);
    return this.#command;
  }

  /** The name of the command in lower case. */
  get name(): string {
    return this.argument(0).toLowerCase();
  }

  /** The text at a place of the command, empty when there is none. */
  argument(place: number): string {
    return this.command[place]?.toString() ?? '';
  }

  /** True for what a client sends on its own when it connects. */
  get isConnectionSetup(): boolean {
    return SETUP_COMMANDS.has(this.name);
  }
}

/** What happens to one request. */
export type Fault =
  | { readonly kind: 'pass' }
  /** The request is lost and the connection is cut. */
  | { readonly kind: 'cutBeforeRequest' }
  /** The server executes the request, its reply is lost and the connection is cut. */
  | { readonly kind: 'cutBeforeReply' }
  /** The server executes the request; nothing passes on this connection ever after. */
  | { readonly kind: 'dropReply' }
  /** The request, and all behind it, reach the server later, even if the client has left. */
  | { readonly kind: 'delay'; readonly milliseconds: number }
  /**
   * The connection is cut; the server gets the request when `releaseLate` is called, or already
   * after so many commands, other than those of connecting, were executed for other connections.
   */
  | { readonly kind: 'deliverLate'; readonly afterCommands?: number }
  /** The reply arrives byte by byte. */
  | { readonly kind: 'sliceReply' }
  /** Like the two cuts, but with a TCP reset. */
  | { readonly kind: 'reset'; readonly when: 'beforeRequest' | 'beforeReply' };

export type FaultKind = Fault['kind'];

/** Nothing returned means `pass`. */
export type Decide = (request: ProxiedRequest) => Fault | undefined;

/** Applies the fault to the n-th request that matches and to no other. */
export function faultOnce(
  matches: (request: ProxiedRequest) => boolean,
  fault: Fault,
  nth = 1,
): Decide {
  let matched = 0;
  return (request) => {
    if (!matches(request)) return undefined;
    matched += 1;
    return matched === nth ? fault : undefined;
  };
}
