export {
  DrizzlePgParticipant,
  type DrizzlePgParticipantOptions,
} from './drizzle-pg-participant.js';
export {
  DrizzleMysqlParticipant,
  type DrizzleMysqlParticipantOptions,
} from './drizzle-mysql-participant.js';
export { postgresMigration } from '../pg/index.js';
export { mysqlMigration } from '../mysql/index.js';
