import { MysqlDialect, PostgresDialect } from '../sql/index.js';

export { KnexParticipant, type KnexParticipantOptions } from './knex-participant.js';

/** What creates the table of decisions, for a migration: of PostgreSQL, or of MySQL and MariaDB. */
export function knexMigration(
  database: 'postgres' | 'mysql' | 'mariadb',
  table = 'dtx_decision',
): string {
  const dialect = database === 'postgres' ? new PostgresDialect() : new MysqlDialect({ xa: false });
  return dialect.migration(table);
}
