import type { DynamicModule } from '@nestjs/common';
import { DistributedTxModule } from '../module/distributed-tx.module.js';
import type { DistributedTxModuleOptions } from '../module/distributed-tx.options.js';
import { embeddedOptions } from './embedded-options.js';

/**
 * Stands in for `DistributedTxModule` in `Test.createTestingModule`: the same providers, with every
 * store in the memory of the test, under `NODE_ENV=production` too.
 */
export class DistributedTxTestingModule {
  /**
   * Takes the options of the application as they are: no Redis and no store of one's own is opened,
   * each name of `stores` becomes an embedded one.
   *
   * @throws ModuleOptionsError
   */
  static forRoot(options: DistributedTxModuleOptions = {}): DynamicModule {
    return DistributedTxModule.forRoot(embeddedOptions(options));
  }
}
