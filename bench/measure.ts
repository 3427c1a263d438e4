// One application process of a measurement. It answers three questions of its parent: open, run,
// check. The first process of a measurement opens first, and checks when all have run.
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { answerParent } from './child-process.js';
import { ClosedLoop } from './closed-loop.js';
import { readCpuUsage } from './cpu-usage.js';
import type { Load } from './load.js';
import type { MeasurementSpec, OpenQuestion, ProcessReport, Question } from './measurement.js';
import { WORKLOADS } from './workloads.js';

/** One process under load. */
class Application {
  readonly #observers: readonly Redis[];

  private constructor(
    private readonly load: Load,
    private readonly spec: MeasurementSpec,
  ) {
    this.#observers = spec.redisUrls.map((url) => new Redis(url));
  }

  static async open({ spec, role }: OpenQuestion): Promise<Application> {
    const load = await WORKLOADS[spec.workload].load(spec);
    await load.open(role);
    return new Application(load, spec);
  }

  async run(): Promise<ProcessReport> {
    const { spec } = this;
    const loop = new ClosedLoop(this.load, spec.concurrency);
    loop.start();
    await loop.during(sleep(1000 * spec.warmupSeconds));
    const before = await loop.during(readCpuUsage(this.#observers));
    const commitsBefore = loop.commits;
    loop.recording = true;
    await loop.during(sleep(1000 * spec.seconds));
    loop.recording = false;
    const after = await loop.during(readCpuUsage(this.#observers));
    const commitsMeasured = loop.commits - commitsBefore;
    await loop.drain();
    const { commits, declined, gaveUp, attempts } = loop;
    return {
      before,
      after,
      commitsMeasured,
      latenciesMs: loop.latenciesMs.all(),
      attemptsPerCall: loop.attemptsPerCall.all(),
      totals: { commits, declined, gaveUp, attempts },
      work: this.load.work(),
    };
  }

  check(works: readonly object[]): Promise<object> {
    return this.load.check(works);
  }

  async close(): Promise<void> {
    await this.load.close();
    await Promise.all(this.#observers.map((observer) => observer.quit()));
  }
}

let application: Application | undefined;

async function answer(question: Question): Promise<object> {
  if (question.step === 'open') {
    application = await Application.open(question);
    return {};
  }
  if (application === undefined) throw new Error(`Asked to ${question.step} before it was opened.`);
  return question.step === 'run' ? application.run() : application.check(question.works);
}

answerParent(answer, async () => application?.close());
