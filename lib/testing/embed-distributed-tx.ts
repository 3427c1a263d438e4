import { MODULE_OPTIONS_TOKEN } from '../module/distributed-tx.module-definition.js';
import type { DistributedTxModuleOptions } from '../module/distributed-tx.options.js';
import { DistributedTxRuntime } from '../module/distributed-tx.runtime.js';
import { embeddedOptions } from './embedded-options.js';

/** What `Test.createTestingModule` gives. */
export interface ProviderOverrides<Builder> {
  overrideProvider(token: unknown): {
    useFactory(options: {
      readonly factory: (options: DistributedTxModuleOptions) => Promise<unknown>;
      inject: (string | symbol)[];
    }): Builder;
  };
}

/**
 * Lets a test import the whole application as it is: its `forRoot` (or `forRootAsync`) keeps its
 * options, and its stores become embedded ones. Returns the builder.
 */
export function embedDistributedTx<Builder extends ProviderOverrides<Builder>>(
  builder: Builder,
): Builder {
  return builder.overrideProvider(DistributedTxRuntime).useFactory({
    factory: (options) => new DistributedTxRuntime(embeddedOptions(options)).open(),
    inject: [MODULE_OPTIONS_TOKEN],
  });
}
