export { checkHistory, describeAnomalies } from './check-history.js';
export type { CheckHistoryOptions } from './check-history.js';
export { ANOMALY_KINDS } from './anomaly.js';
export type { Anomaly, AnomalyKind } from './anomaly.js';
export type {
  AppendOperation,
  FinalReads,
  HistoryOperation,
  HistoryTransaction,
  ReadOperation,
  TransactionStatus,
} from './history.js';
export { generateListAppend } from './list-append-generator.js';
export type {
  ListAppendGenerator,
  ListAppendGeneratorOptions,
  PlannedOperation,
  PlannedTransaction,
} from './list-append-generator.js';
export { ListAppendRecorder, mergeHistories, monotonicNanoseconds } from './recorder.js';
export type { HistoryEvent, ListAppendRecorderOptions, TransactionRecording } from './recorder.js';
export { executeSerially } from './serial-execution.js';
export type { SerialExecution, SerialExecutionOptions } from './serial-execution.js';
