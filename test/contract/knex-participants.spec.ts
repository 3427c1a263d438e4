import knex, { type Knex } from 'knex';
import { KnexParticipant, knexMigration } from '../../lib/knex/index.js';
import {
  describeParticipant,
  type ParticipantFixture,
} from '../../lib/testing/participant-contract/describe-participant.js';
import { KnexScene } from '../participants/knex-scene.js';
import { describeMariaDb, MariaDbServer } from '../support/mariadb-server.js';
import { describePostgres, PostgresServer } from '../support/postgres-server.js';

const pool = { min: 0, max: 4 };
let id = 0;

async function knexFixture(
  config: Knex.Config,
  database: 'postgres' | 'mariadb',
): Promise<ParticipantFixture> {
  const outsider = knex(config);
  await outsider.raw(knexMigration(database));
  await outsider.raw('CREATE TABLE IF NOT EXISTS t (id int PRIMARY KEY, v int NOT NULL)');
  await outsider('t').delete();
  const scene = new KnexScene(knex(config), outsider);
  const another = knex(config);
  return {
    participant: scene.participant,
    other: new KnexParticipant({ name: 'orders', knex: another }),
    work: () => scene.insert(++id),
    count: async () => (await outsider('t').select('id')).length,
    close: async () => {
      await scene.close();
      await another.destroy();
      await outsider.destroy();
    },
  };
}

describePostgres('Knex on PostgreSQL', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await PostgresServer.start({ maxPreparedTransactions: 10 });
  });

  afterAll(() => server.stop());

  describeParticipant('KnexParticipant', { decides: true, prepares: true }, () =>
    knexFixture({ client: 'pg', connection: { ...server.address() }, pool }, 'postgres'),
  );
});

describeMariaDb('Knex on MariaDB', () => {
  let server: MariaDbServer;

  beforeAll(async () => {
    server = await MariaDbServer.start();
  });

  afterAll(() => server.stop());

  describeParticipant('KnexParticipant', { decides: true, prepares: false }, () =>
    knexFixture({ client: 'mysql2', connection: { ...server.address() }, pool }, 'mariadb'),
  );
});
