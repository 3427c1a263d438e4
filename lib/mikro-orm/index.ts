import { PostgresDialect } from '../sql/index.js';

export { MikroOrmParticipant, type MikroOrmParticipantOptions } from './mikro-orm-participant.js';

/** What creates the table of decisions, for a migration. */
export function mikroOrmMigration(table = 'dtx_decision'): string {
  return new PostgresDialect().migration(table);
}
