import { PostgresDialect } from '../sql/index.js';

export type { AnyPrismaClient } from './prisma-connection.js';
export { PrismaParticipant, type PrismaParticipantOptions } from './prisma-participant.js';

/** What creates the table of decisions, for a migration of PostgreSQL. */
export function prismaMigration(table = 'dtx_decision'): string {
  return new PostgresDialect().migration(table);
}
