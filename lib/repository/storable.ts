/** Deeper values are taken for cycles. */
const DEEPEST = 200;

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

function whyNotObject(value: object, path: string, depth: number): string | undefined {
  if (depth > DEEPEST)
    return `${path} is nested deeper than ${DEEPEST} levels, or refers to itself`;
  if (value instanceof Date && Number.isNaN(value.getTime())) return `${path} is an invalid Date`;
  // Its toJSON gives what no longer is a Buffer when it is read.
  if (Buffer.isBuffer(value)) return `${path} is a Buffer`;
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return undefined;
  if (Array.isArray(value)) return whyNotArray(value, path, depth);
  if (isUnreadable(value)) return `${path} is a ${value.constructor.name}`;
  for (const name of Object.keys(value)) {
    if (name === '__proto__') return `${path} has a property named __proto__`;
    const reason = whyNotStorable((value as Record<string, unknown>)[name], name, depth + 1);
    if (reason !== undefined) return `${path}.${reason}`;
  }
  return undefined;
}

function whyNotArray(value: readonly unknown[], path: string, depth: number): string | undefined {
  for (const [index, element] of value.entries()) {
    if (element === undefined) return `${path}[${index}] is undefined`;
    const reason = whyNotStorable(element, `[${index}]`, depth + 1);
    if (reason !== undefined) return `${path}${reason}`;
  }
  return undefined;
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
