/**
 * Under this symbol an instance knows its transaction manager. The slot is not enumerable, so that
 * it shows neither in logs nor in comparisons.
 */
export const MANAGER_SLOT = Symbol.for('nestjs-distributed-tx:manager');

export function readManagerSlot(instance: object): unknown {
  return Object.getOwnPropertyDescriptor(instance, MANAGER_SLOT)?.value;
}

export function fillManagerSlot(instance: object, manager: unknown): void {
  Object.defineProperty(instance, MANAGER_SLOT, {
    value: manager,
    enumerable: false,
    configurable: true,
    writable: true,
  });
}
