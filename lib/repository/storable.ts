import { withArticle } from './kind-of.js';

/** Deeper values are taken for cycles. */
const DEEPEST = 200;
const TOO_DEEP = `is nested deeper than ${DEEPEST} levels, or refers to itself`;
/** So many steps of such a path are shown. */
const STEPS_SHOWN = 4;

/**
 * Why a value would not come back from JSON as it is; undefined where it would. What has `toJSON`
 * (a Date, a decimal) is taken at its word, and undefined properties are left out.
 */
export function whyNotStorable(value: unknown, path: string, depth = 0): string | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'undefined':
      return undefined;
    case 'number':
      return Number.isFinite(value) ? undefined : `${path} is ${value}`;
    case 'object':
      return value === null ? undefined : whyNotObject(value, path, depth);
    case 'function':
    case 'bigint':
    case 'symbol':
      return `${path} is a ${typeof value}`;
  }
}

/** JSON leaves out what is named by a symbol. */
export function isNamedBySymbol(value: object): boolean {
  const symbols = Object.getOwnPropertySymbols(value);
  return symbols.some((symbol) => Object.prototype.propertyIsEnumerable.call(value, symbol));
}

function whyNotObject(value: object, path: string, depth: number): string | undefined {
  if (depth > DEEPEST) return `… ${TOO_DEEP}`;
  if (value instanceof Date && Number.isNaN(value.getTime())) return `${path} is an invalid Date`;
  // Its toJSON gives what no longer is a Buffer when it is read.
  if (Buffer.isBuffer(value)) return `${path} is a Buffer`;
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return undefined;
  if (Array.isArray(value)) return whyNotArray(value, path, depth);
  if (isUnreadable(value)) return `${path} is ${withArticle(value.constructor.name)}`;
  if (isNamedBySymbol(value)) return `${path} has a property named by a symbol`;
  for (const name of Object.keys(value)) {
    if (name === '__proto__') return `${path} has a property named __proto__`;
    const reason = whyNotStorable((value as Record<string, unknown>)[name], name, depth + 1);
    if (reason !== undefined) return after(`${path}.`, reason, depth);
  }
  return undefined;
}

function whyNotArray(value: readonly unknown[], path: string, depth: number): string | undefined {
  for (const [index, element] of value.entries()) {
    if (element === undefined) return `${path}[${index}] is undefined`;
    const reason = whyNotStorable(element, `[${index}]`, depth + 1);
    if (reason !== undefined) return after(path, reason, depth);
  }
  return undefined;
}

/** The reason with one step more before it; of an endless path the first steps are enough. */
function after(path: string, reason: string, depth: number): string {
  return depth > STEPS_SHOWN && reason.endsWith(TOO_DEEP) ? reason : path + reason;
}

/** JSON would make `{}` of these. */
function isUnreadable(value: object): boolean {
  return (
    value instanceof Map ||
    value instanceof Set ||
    value instanceof WeakMap ||
    value instanceof WeakSet ||
    value instanceof Promise ||
    value instanceof RegExp ||
    value instanceof Error ||
    ArrayBuffer.isView(value) ||
    value instanceof ArrayBuffer
  );
}
