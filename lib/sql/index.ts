export {
  callbackConnection,
  type CallbackConnection,
  type CallbackConnectionOptions,
  type QueryCallback,
} from './callback-connection.js';
export { SqlBranch, type SqlWork } from './sql-branch.js';
export type { SqlBegin, SqlConnection, SqlIsolation, SqlRow } from './sql-connection.js';
export type { SqlDialect, SqlErrorKind } from './sql-dialect.js';
export { MysqlDialect } from './mysql-dialect.js';
export { killMysqlConnection } from './mysql-kill.js';
export { override } from './override.js';
export { PostgresDialect } from './postgres-dialect.js';
export { SqlParticipant, type SqlParticipantOptions } from './sql-participant.js';
export { withMethods } from './with-methods.js';
