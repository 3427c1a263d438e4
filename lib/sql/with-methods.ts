type Methods = Readonly<Record<string, (...args: never[]) => unknown>>;

/** The object with some methods in place of its own; the others see the object itself as `this`. */
export function withMethods<T extends object>(target: T, methods: Methods): T {
  return new Proxy(target, {
    get(_, property) {
      if (typeof property === 'string' && Object.hasOwn(methods, property)) {
        return methods[property];
      }
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function' || property === 'constructor') return value;
      return (...args: unknown[]): unknown => Reflect.apply(value, target, args);
    },
  });
}
