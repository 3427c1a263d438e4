export { KyselyPgParticipant, type KyselyPgParticipantOptions } from './kysely-pg-participant.js';
export {
  KyselyMysqlParticipant,
  type KyselyMysqlParticipantOptions,
} from './kysely-mysql-participant.js';
export { postgresMigration } from '../pg/index.js';
export { mysqlMigration } from '../mysql/index.js';
