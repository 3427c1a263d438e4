import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { DistributedTxModuleOptions } from './distributed-tx.options.js';

/** What a class given to `useClass` or `useExisting` of `forRootAsync` implements. */
export interface DistributedTxOptionsFactory {
  createDistributedTxOptions(): DistributedTxModuleOptions | Promise<DistributedTxModuleOptions>;
}

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<DistributedTxModuleOptions>({ moduleName: 'DistributedTx' })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createDistributedTxOptions')
    .setExtras({ isGlobal: true }, (definition, { isGlobal }) => ({
      ...definition,
      global: isGlobal,
    }))
    .build();
