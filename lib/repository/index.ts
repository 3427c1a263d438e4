export { type CodecContext, type EntityCodec } from './entity-codec.js';
export { TxEntity, type EntityClass, type TxEntityOptions } from './entity-definition.js';
export { getTxRepositoryToken, InjectTxRepository } from './inject-tx-repository.decorator.js';
export type { AdoptResult, CounterField, EntityData, IncrementBounds } from './entity-data.js';
export type { SaveOptions } from './expected-version.js';
export { TxRepository } from './tx-repository.js';
