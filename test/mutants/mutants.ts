import type { Patch } from '../support/library-copy.js';

/** A wrong variant of the protocol: one small change of lib/ that the suite has to notice. */
export interface Mutant extends Patch {
  readonly title: string;
}

const script = 'lib/store/redis/scripts/commit-one-phase.lua';
const fence = 'lib/store/redis/scripts/fence.lua';
const embedded = 'lib/store/embedded/embedded-store.ts';
const judge = 'lib/store/judge/judge-commit.ts';

/** The wrong variants of protocol.md, and of the hazards, that one phase can have. */
export const mutants: readonly Mutant[] = [
  {
    title: 'reads are not validated at commit',
    file: script,
    find: 'if not stands then',
    replace: 'if not stands and kind ~= READ then',
  },
  {
    title: 'absence is not validated',
    file: script,
    find: "stands = redis.call('EXISTS', key) == 0",
    replace: 'stands = true',
  },
  {
    title: 'versions are compared by their count only',
    file: script,
    find: 'start(key, bar - at + 1) == string.sub(step, at, bar)',
    replace: "string.match(start(key, 16), '^%d+') == string.match(step, '^%d+', at)",
  },
  {
    title: 'a version does not name its writer',
    file: 'lib/store/version.ts',
    find: '+ 1}.${writer}`',
    replace: '+ 1}.w`',
  },
  {
    title: 'locks are ignored where a version is expected',
    file: script,
    find: 'start(key, bar - at + 1) == string.sub(step, at, bar)',
    replace: 'start(key, bar - at) == string.sub(step, at, bar - 1)',
  },
  {
    title: 'locks are ignored where nothing is expected',
    file: script,
    find: '[%w_-]+|[^|]*|',
    replace: '[^|]+|[^|]*|',
  },
  {
    title: 'the question for an outcome reads only',
    file: fence,
    find: "redis.call('SET', ",
    replace: 'tostring(',
  },
  {
    title: 'the question for an outcome overlooks that it is committed',
    file: fence,
    find: "state == 'c'",
    replace: 'false',
  },
  {
    title: 'a late commit is accepted although it was rolled back',
    file: script,
    find: "expiresAt, 'NX')",
    replace: 'expiresAt)',
  },
  {
    title: 'a repeated commit is applied again',
    file: script,
    find: 'if not reply then',
    replace: "if not reply and outcome(record) ~= 'committed' then",
  },
  {
    title: 'a repeated commit is reported as a conflict',
    file: script,
    find: '(outcome(record, announced) or refusal)',
    replace: 'refusal',
  },
  {
    title: 'the record is not written',
    file: script,
    find: "redis.pcall('SET', record, head .. body .. '}', 'PXAT', expiresAt, 'NX')",
    replace: "{ ok = 'OK' }",
  },
  {
    title: 'the deadline is not checked',
    file: script,
    find: 'now >= deadline or',
    replace: 'false or',
  },
  {
    title: 'the first item is written before all items are checked',
    file: script,
    find: 'writes = writes + 1',
    replace: "redis.call('SET', key, value or '') writes = writes + 1",
  },
  {
    title: 'the bounds of increments are not checked on the value that stands',
    file: script,
    find: 'if sum < (tonumber(min)',
    replace: 'if false and sum < (tonumber(min)',
  },
  {
    title: 'a blind write starts to count anew',
    file: script,
    find: 'plan(key, count .. value, ttl)',
    replace: "plan(key, '1' .. value, ttl)",
  },
  {
    title: 'the checks of a batch end at the first refusal',
    file: script,
    find: 'refusal = refusal or why',
    replace: 'refusal = refusal or why; if why then break end',
  },
  {
    title: 'several reads pass for one',
    file: 'lib/commit/commit-plan.ts',
    find: 'first === undefined || (readAtOnce && oneNode)',
    replace: 'first === undefined || oneNode || readAtOnce',
  },
  {
    title: 'the reads of a run that throws are not validated',
    file: 'lib/transaction/managed-call.ts',
    find: 'stale = await transaction.validateReads()',
    replace: 'stale = undefined',
  },
  {
    title: 'a lost reply passes for a refusal',
    file: 'lib/commit/coordinator.ts',
    find: 'commit.sent = true;',
    replace: "return { status: 'fenced' };",
  },
  {
    title: 'a lost reply passes for a commit',
    file: 'lib/commit/coordinator.ts',
    find: 'commit.sent = true;',
    replace: 'return COMMITTED;',
  },
  {
    title: 'a savepoint that was rolled back keeps its writes',
    file: 'lib/transaction/operation-log.ts',
    find: 'of dropped) {',
    replace: 'of new Set<ItemState>()) {',
  },
  {
    title: 'a savepoint that was rolled back forgets its reads',
    file: 'lib/transaction/operation-log.ts',
    find: 'of dropped) {',
    replace: 'of dropped) { state.seen = undefined;',
  },
  {
    title: 'the embedded store does not validate what was only read',
    file: judge,
    find: 'return refusalOf(item, index, stood) ??',
    replace: 'return (item.change && refusalOf(item, index, stood)) ??',
  },
  {
    title: 'the embedded store accepts a late commit',
    file: embedded,
    find: "if (record?.startsWith('rolled_back')) return { status: 'rolled_back' };",
    replace: '',
  },
];
