import { messageOf } from '../../errors/message-of.js';

/**
 * What an error of the client or the server says about the command it answers.
 *
 * - `not-executed`: it certainly had no effect, and the cause may pass: send it again.
 * - `refused`: it had no effect, and sending it again changes nothing until somebody acts.
 * - `maybe-executed`: anything may have happened.
 */
export type Execution = 'not-executed' | 'refused' | 'maybe-executed';

/** First errors of a command, given before anything of it ran: every key is declared in KEYS. */
const PASSING = [
  'MOVED ',
  'ASK ',
  'TRYAGAIN',
  'CLUSTERDOWN',
  'LOADING',
  'READONLY',
  'NOREPLICAS',
  'MISCONF',
  'BUSY ',
  'MASTERDOWN',
  "Stream isn't writeable and enableOfflineQueue options is false",
  "Cluster isn't ready and enableOfflineQueue options is false",
  'Failed to refresh slots cache',
  'Not sent: ',
];

const LASTING = ['OOM ', 'NOPERM', 'NOAUTH', 'WRONGPASS', 'NOSCRIPT', 'ERR AUTH', 'CROSSSLOT'];

export function executionOf(error: unknown): Execution {
  const message = messageOf(error);
  if (isPartial(message)) return 'maybe-executed';
  if (PASSING.some((start) => message.startsWith(start))) return 'not-executed';
  if (LASTING.some((start) => message.startsWith(start))) return 'refused';
  return 'maybe-executed';
}

/** An error raised inside a running script: what ran before it has its effects. */
function isPartial(message: string): boolean {
  return message.includes('@user_script') || message.includes('ACL failure in script');
}

/** One key of a command is forbidden to us; the others may not be. */
export function isForbiddenKey(error: unknown): boolean {
  return messageOf(error).startsWith('NOPERM');
}

/** For what was not even tried. */
export function notSent(reason: string): Error {
  return new Error(`Not sent: ${reason}`);
}

/** The server itself has answered with an error, in contrast to a connection that broke. */
export function isServerError(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}

/** Under the key stands a hash, a list, or the like: nothing of ours. */
export function isWrongType(error: unknown): boolean {
  return messageOf(error).startsWith('WRONGTYPE');
}

/** The key lies, or is about to lie, on another node of the cluster; nothing was executed. */
export function isRedirection(error: unknown): boolean {
  return /^(?:MOVED|ASK) /.test(messageOf(error));
}

export function isNoScript(error: unknown): boolean {
  return messageOf(error).startsWith('NOSCRIPT');
}

/** The server has not, or not for this user, the database that the client asked for as it connected. */
export function isRefusedSelect(error: unknown): boolean {
  const { command } = error as { readonly command?: { readonly name?: string } };
  return isServerError(error) && command?.name?.toLowerCase() === 'select';
}

/**
 * An error fit for logs and for `cause`: ioredis puts the arguments of the command, which hold the
 * user's data, on its own errors.
 */
export function withoutArguments(error: unknown): Error {
  const source = error instanceof Error ? error : new Error(String(error));
  const safe = new Error(source.message);
  safe.name = source.name;
  if (source.stack !== undefined) safe.stack = source.stack;
  return safe;
}
