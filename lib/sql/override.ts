/** Gives this one object a method of its own, and tells how to take it back. */
export function override<T extends object, K extends keyof T>(
  target: T,
  key: K,
  method: T[K],
): () => void {
  const own = Object.getOwnPropertyDescriptor(target, key);
  Object.defineProperty(target, key, { value: method, configurable: true, writable: true });
  return () => {
    if (own !== undefined) Object.defineProperty(target, key, own);
    else delete target[key];
  };
}
