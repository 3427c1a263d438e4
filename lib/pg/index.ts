import { PostgresDialect } from '../sql/postgres-dialect.js';

export { PgConnection } from './pg-connection.js';
export { PgParticipant, type PgParticipantOptions } from './pg-participant.js';

/** What creates the table of decisions in PostgreSQL, for a migration. */
export function postgresMigration(table = 'dtx_decision'): string {
  return new PostgresDialect().migration(table);
}
