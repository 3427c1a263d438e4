import { readdirSync, readFileSync } from 'node:fs';
import {
  ANNOUNCE,
  APPLY,
  COMMIT_ONE_PHASE,
  CONCLUDE,
  FENCE,
  FORGET,
  PREPARE,
  RELEASE,
  TURN,
  type RedisScript,
} from './redis-script.js';

const SCRIPTS: readonly RedisScript[] = [
  ANNOUNCE,
  APPLY,
  COMMIT_ONE_PHASE,
  CONCLUDE,
  FENCE,
  FORGET,
  PREPARE,
  RELEASE,
  TURN,
];

function textOf(file: string): string {
  return readFileSync(new URL(`./scripts/${file}`, import.meta.url), 'utf8');
}

/** What the header says: `-- KEYS[..] name`, `-- ARGV[..] name`, `-- REPLY word word   meaning`. */
function headerOf({ file }: RedisScript) {
  const lines = textOf(file).split('\n');
  const header = lines.slice(
    0,
    lines.findIndex((line) => !line.startsWith('--')),
  );
  const named = (list: string): string[] =>
    header.flatMap((line) => new RegExp(`^-- ${list}\\[\\S+\\] (\\S+)`).exec(line)?.[1] ?? []);
  const replies = header.flatMap((line) => {
    const [, words] = /^-- REPLY (\S+(?: \S+)*)(?: {2,}|$)/.exec(line) ?? [];
    return words?.split(' ') ?? [];
  });
  return { keys: named('KEYS'), args: named('ARGV'), replies };
}

/** The words that the code of a script can answer with. */
function wordsOf({ source }: RedisScript): string[] {
  const code = source.replaceAll(/^\s*--.*$/gm, '');
  return [...code.matchAll(/'([a-z_]+) ?'/g)].map((match) => match[1]!);
}

describe.each(SCRIPTS)('the script $file', (script) => {
  it('has the header that its definition promises', () => {
    expect(headerOf(script)).toEqual(script.contract);
  });

  it('can answer with every word of its header', () => {
    const words = wordsOf(script);

    expect(script.contract.replies.filter((reply) => !words.includes(reply))).toEqual([]);
  });

  it('opens with what it guarantees, as a comment', () => {
    expect(textOf(script.file)).toMatch(/^-- [A-Z].+\n/);
    // A shebang would shut out Redis 6.2.
    expect(script.source).not.toMatch(/^#!/);
  });

  it('takes all data as arguments, and makes up no key', () => {
    expect(script.source).not.toMatch(/dtx:/);
  });
});

it('every script has a definition', () => {
  const files = readdirSync(new URL('./scripts/', import.meta.url));

  const used = new Set(SCRIPTS.flatMap(({ file, shared }) => [file, ...shared]));
  expect(files.toSorted()).toEqual([...used].toSorted());
});
