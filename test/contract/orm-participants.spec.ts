import { DataSource } from 'typeorm';
import { MikroOrmParticipant } from '../../lib/mikro-orm/index.js';
import {
  describeParticipant,
  type ParticipantFixture,
} from '../../lib/testing/participant-contract/describe-participant.js';
import { TypeOrmParticipant } from '../../lib/typeorm/index.js';
import type { AdapterScene } from '../participants/adapter-suite.js';
import { connectMikroOrm, openMikroOrm } from '../participants/mikro-orm-scene.js';
import { openMariaDb, openPostgres, type TypeOrmScene } from '../participants/typeorm-scene.js';
import { describeMariaDb, MariaDbServer } from '../support/mariadb-server.js';
import { describePostgres, PostgresServer } from '../support/postgres-server.js';

let id = 0;

function fixtureOf(
  scene: AdapterScene,
  other: ParticipantFixture['other'],
  closeOther: () => Promise<void>,
): ParticipantFixture {
  return {
    participant: scene.participant,
    other,
    work: async () => void (await scene.insert(++id)),
    count: async () => (await scene.outside('SELECT id FROM t')).length,
    close: async () => {
      await closeOther();
      await scene.close();
    },
  };
}

async function typeOrmFixture(scene: TypeOrmScene): Promise<ParticipantFixture> {
  const dataSource = await new DataSource(scene.dataSource.options).initialize();
  const other = new TypeOrmParticipant({ name: 'orders', dataSource });
  return fixtureOf(scene, other, () => dataSource.destroy());
}

describePostgres('ORMs on PostgreSQL', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await PostgresServer.start({ maxPreparedTransactions: 10 });
  });

  afterAll(() => server.stop());

  const both = { decides: true, prepares: true };

  describeParticipant('TypeOrmParticipant', both, async () =>
    typeOrmFixture(await openPostgres(server)),
  );

  describeParticipant('MikroOrmParticipant', both, async () => {
    const scene = await openMikroOrm(server);
    const orm = await connectMikroOrm(server);
    return fixtureOf(scene, new MikroOrmParticipant({ name: 'orders', orm }), () => orm.close());
  });
});

describeMariaDb('ORMs on MariaDB', () => {
  let server: MariaDbServer;

  beforeAll(async () => {
    server = await MariaDbServer.start();
  });

  afterAll(() => server.stop());

  describeParticipant('TypeOrmParticipant', { decides: true, prepares: false }, async () =>
    typeOrmFixture(await openMariaDb(server)),
  );
});
