import { ModuleOptionsError } from '../errors/index.js';
import { unknownName } from '../errors/unknown-name.js';

/** What a whole number may be, and what it is where nothing is given. */
export type Range = readonly [min: number, max: number, byDefault: number];

export function within(option: string, value: number | undefined, range: Range): number {
  const [min, max, byDefault] = range;
  if (value === undefined) return byDefault;
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  return wrong(option, value, `a whole number from ${min} to ${max}`);
}

export function assertObject(option: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) wrong(option, value, 'an object');
}

/** A misspelt option would leave its default in force, and nobody would know. */
export function refuseUnknown(path: string, given: object, known: Iterable<string>): void {
  const names = new Set(known);
  const unknown = Object.keys(given).find((name) => !names.has(name));
  if (unknown === undefined) return;
  throw new ModuleOptionsError(path + unknownName(unknown, names));
}

export function wrong(option: string, value: unknown, allowed: string): never {
  throw new ModuleOptionsError(`${option} is ${show(value)}; allowed is ${allowed}.`);
}

function show(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value !== 'object' || value === null) return String(value);
  // Deeper values may be clients, which refer to themselves, or hold passwords.
  return `{ ${Object.keys(value).join(', ')} }`;
}
