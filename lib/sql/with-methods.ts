type Members = Readonly<Record<string, object>>;

/** The object with some members in place of its own; its other methods see the object itself as `this`. */
export function withMethods<T extends object>(target: T, members: Members): T {
  return new Proxy(target, {
    get(_, property) {
      if (typeof property === 'string' && Object.hasOwn(members, property)) {
        return members[property];
      }
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function' || property === 'constructor') return value;
      return (...args: unknown[]): unknown => Reflect.apply(value, target, args);
    },
  });
}
