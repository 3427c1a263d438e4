import { MysqlDialect } from '../sql/mysql-dialect.js';

export { MysqlConnection } from './mysql-connection.js';
export { MysqlParticipant, type MysqlParticipantOptions } from './mysql-participant.js';

/** What creates the table of decisions in MySQL and MariaDB, for a migration. */
export function mysqlMigration(table = 'dtx_decision'): string {
  return new MysqlDialect({ xa: false }).migration(table);
}
