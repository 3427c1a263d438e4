import { resolvedChange, type ItemState } from '../transaction/operation-log.js';
import type { EncodedEntity } from './entity-format.js';

/** Whether the transaction can tell the item's value without reading. */
export function isKnown(state: ItemState | undefined): state is ItemState {
  if (state === undefined) return false;
  return state.seen !== undefined || (state.change !== undefined && !hasBlindIncrements(state));
}

/** Increments of an item that was not read: what they amount to is not known. */
export function hasBlindIncrements(state: ItemState | undefined): boolean {
  return state?.change?.kind === 'increment' && state.seen === undefined;
}

/** What the transaction sees: its own write, or what it read; null where there is nothing. */
export function currentValue(state: ItemState): EncodedEntity | null {
  const change = resolvedChange(state);
  if (change?.kind === 'write') return change;
  return change?.kind === 'delete' ? null : (state.seen ?? null);
}
