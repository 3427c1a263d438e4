// The package has named exports only.

// @ts-expect-error: there is no default export.
export { default as main } from 'nestjs-distributed-tx';

// @ts-expect-error: what is not an entry point cannot be imported.
export * as internals from 'nestjs-distributed-tx/store';
