export { type CodecContext, type EntityCodec } from './entity-codec.js';
export { TxEntity, type EntityClass, type TxEntityOptions } from './entity-definition.js';
export { getTxRepositoryToken, InjectTxRepository } from './inject-tx-repository.decorator.js';
export {
  TxRepository,
  type AdoptResult,
  type CounterField,
  type EntityData,
  type IncrementBounds,
  type SaveOptions,
} from './tx-repository.js';
