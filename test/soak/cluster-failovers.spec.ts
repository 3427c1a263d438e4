import { slotOf } from '../../lib/store/hash-slot.js';
import type { BankReport } from '../support/bank-workload.js';
import { clusterClient } from '../support/cluster-client.js';
import { ClusterBank } from '../support/cluster-bank.js';
import { FAILOVER_KINDS, failOver } from '../support/failovers.js';
import { runKillCycles } from '../support/kill-cycles.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { describeRedis } from '../support/redis-server.js';
import { replicationConfig } from '../support/replicated-redis.js';
import { say, shareOf, soak, soakLimitMs } from '../support/soak.js';

const UNGUARDED = Math.max(FAILOVER_KINDS.length, shareOf(20));
const FAILOVERS = Math.max(FAILOVER_KINDS.length, shareOf(60));
/** Longer than the cluster takes to notice and to elect. */
const timeoutMs = 8000;

const config = { ...replicationConfig, 'cluster-node-timeout': '1000' };

describeRedis('for long, a bank on a cluster whose commits wait for replicas', () => {
  let bank: ClusterBank;

  beforeAll(async () => {
    const durability = { replicas: 1, timeoutMs: 500 };
    bank = await ClusterBank.start({ replicas: 1, config, durability });
    await bank.openAccounts();
  }, 60_000);

  afterAll(() => bank.stop());

  it(
    `loses nothing that was acknowledged in ${FAILOVERS} failovers, by kill -9, by SIGSTOP and planned`,
    async () => {
      await soak('soak failovers', async (random) => {
        const tellers = [
          bank.startTeller(random, { timeoutMs }),
          bank.startTeller(random, { timeoutMs }),
        ];
        await bank.moreCommits(100);
        for (let nth = 0; nth < FAILOVERS; nth += 1) {
          const kind = FAILOVER_KINDS[nth % FAILOVER_KINDS.length]!;
          await failOver(bank.cluster, slotOf(random.pick(bank.keys)), kind);
          await bank.moreCommits(100);
          say(`${nth + 1} failovers, the last one ${kind}; ${await bank.commitCount()} commits`);
        }
        for (const teller of tellers) teller.stop();
        const ended = await Promise.all(tellers.map(({ report }) => report));
        const reports = ended as BankReport[];
        say(JSON.stringify(reports));
        expect(await bank.figures(reports)).toEqual(bank.exact);
      });
    },
    soakLimitMs,
  );
});

describeRedis('for long, a cluster whose commits do not wait for replicas', () => {
  let cluster: RedisCluster;

  beforeAll(async () => {
    cluster = await RedisCluster.start({ replicas: 1, config });
  }, 60_000);

  afterAll(() => cluster.stop());

  it(
    `works on after ${UNGUARDED} failovers, and what they cost of acknowledged commits is printed`,
    async () => {
      await soak('soak failovers without durability', async (random) => {
        let failovers = 0;
        const strike = async (): Promise<void> => {
          const kind = FAILOVER_KINDS[failovers % FAILOVER_KINDS.length]!;
          await failOver(cluster, random.integer(16_384), kind);
          failovers += 1;
          say(`${failovers} failovers, the last one ${kind}`);
        };
        const redis = clusterClient({ ports: cluster.nodes.map(({ port }) => port) });
        const report = await runKillCycles({ redis, random, cycles: UNGUARDED, strike });
        const { acknowledged, lost, partial, resurrected, unknown, miscounted } = report;
        say(
          `${acknowledged} acknowledged in ${failovers} failovers: ${lost.length} lost, ${partial.length} there ` +
            `in part, ${resurrected.length} there against what was told, ${unknown} unknown; the counter of all ` +
            `of them differs by ${miscounted}.`,
        );
        expect(acknowledged).toBeGreaterThan(30 * failovers);
      });
    },
    soakLimitMs,
  );
});
