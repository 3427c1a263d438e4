import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** A file of one import, at the place that the rule is about. */
interface Probe {
  readonly file: string;
  readonly source: string;
  readonly rule?: string;
}

const restricted = 'eslint(no-restricted-imports)';
const cycle = 'import(no-cycle)';

function importing(specifier: string): string {
  return `import '${specifier}';`;
}

const forbiddenFolders: Readonly<Record<string, readonly string[]>> = {
  errors: [
    'participants',
    'store',
    'commit',
    'transaction',
    'repository',
    'transactional',
    'module',
  ],
  store: ['participants', 'commit', 'transaction', 'repository', 'transactional', 'module'],
  'store/redis': ['commit', 'transaction', 'repository', 'transactional', 'module'],
  'store/embedded': ['commit', 'transaction', 'repository', 'transactional', 'module'],
  participants: ['commit', 'transaction', 'sql', 'tcc', 'module', 'store/redis'],
  sql: ['repository', 'tcc', 'transactional', 'module', 'store/redis'],
  tcc: ['sql', 'transactional', 'module', 'store/redis'],
  commit: [
    'sql',
    'tcc',
    'transaction',
    'repository',
    'transactional',
    'module',
    'store/redis',
    'store/embedded',
  ],
  transaction: [
    'sql',
    'tcc',
    'repository',
    'transactional',
    'module',
    'store/redis',
    'store/embedded',
  ],
  repository: ['transactional', 'module', 'store/redis', 'store/embedded'],
  transactional: ['repository', 'module', 'store/redis', 'store/embedded'],
  module: [],
};

const adapters: Readonly<Record<string, string>> = {
  pg: 'pg',
  mysql: 'mysql2',
  typeorm: 'typeorm',
  prisma: '@prisma/client',
  drizzle: 'drizzle-orm',
  kysely: 'kysely',
  knex: 'knex',
  'mikro-orm': '@mikro-orm/core',
  mongoose: 'mongoose',
  memcached: 'memcache-parser',
  ignite: 'apache-ignite-client',
};

const entryPoints = ['testing', 'terminus', 'class-transformer', ...Object.keys(adapters)];

const forbiddenPackages: Readonly<Record<string, readonly string[]>> = {
  errors: ['@nestjs/common', 'ioredis', 'rxjs'],
  store: ['@nestjs/common', 'ioredis', 'rxjs', 'rxjs/operators'],
  'store/redis': ['@nestjs/common', 'rxjs'],
  'store/embedded': ['@nestjs/common', 'ioredis', 'rxjs'],
  participants: ['@nestjs/common', 'ioredis', 'pg'],
  sql: ['@nestjs/common', 'ioredis', 'pg', 'mysql2'],
  tcc: ['ioredis', 'pg'],
  commit: ['@nestjs/common', 'ioredis', 'rxjs', 'pg'],
  transaction: ['@nestjs/common', '@nestjs/core/injector/module.js', 'ioredis', 'rxjs'],
  repository: ['ioredis', 'class-transformer', '@nestjs/terminus'],
  transactional: ['ioredis', '@nestjs/terminus'],
  module: ['ioredis', '@nestjs/terminus', 'class-transformer', 'nestjs-distributed-tx'],
  testing: ['ioredis', '@nestjs/testing', '@nestjs/terminus'],
  terminus: ['ioredis', 'class-transformer'],
  'class-transformer': ['ioredis', '@nestjs/terminus'],
};

/** These bind a pool, and give it to their client. */
const adaptersOverPools = new Set(['drizzle', 'kysely']);
const pools = new Set(['pg', 'mysql2']);

function pathBetween(from: string, to: string): string {
  return `${'../'.repeat(from.split('/').length)}${to}/index.js`;
}

function probesOf(folder: string, specifiers: readonly string[]): Probe[] {
  return specifiers.map((specifier, index) => ({
    file: `lib/${folder}/refused-${specifier.replaceAll(/\W+/g, '-')}-${index}.ts`,
    source: importing(specifier),
  }));
}

const refused: readonly Probe[] = [
  ...Object.entries(forbiddenFolders).flatMap(([folder, targets]) =>
    probesOf(
      folder,
      [...targets, ...entryPoints].map((target) => pathBetween(folder, target)),
    ),
  ),
  ...Object.entries(forbiddenPackages).flatMap(([folder, names]) => probesOf(folder, names)),
  ...probesOf('testing', ['../terminus/index.js', '../class-transformer/index.js']),
  ...probesOf('terminus', ['../testing/index.js', '../class-transformer/index.js']),
  ...probesOf('class-transformer', ['../testing/index.js', '../terminus/index.js']),
  ...Object.entries(adapters).flatMap(([folder, own]) => [
    ...probesOf(
      folder,
      Object.values(adapters).filter(
        (name) => name !== own && !(adaptersOverPools.has(folder) && pools.has(name)),
      ),
    ),
    ...probesOf(folder, ['../module/index.js', '../testing/index.js', 'ioredis']),
  ]),
  ...probesOf('store/redis', ['../embedded/embedded-store.js']),
  { file: 'lib/index.ts', source: `export * from './testing/index.js';` },
  { file: 'lib/store/type.ts', source: `export type { A } from '../commit/a.js';` },
  { file: 'lib/store/lazy.ts', source: `export const a = () => import('../commit/a.js');` },
  { file: 'lib/commit/lazy.ts', source: `export const a = () => import('ioredis');` },
  { file: 'sample/01/main.ts', source: importing('../../lib/index.js') },
  { file: 'lib/commit/one.ts', source: `export * from './two.js';`, rule: cycle },
  { file: 'lib/commit/two.ts', source: `export * from './one.js';`, rule: cycle },
];

const allowed: readonly Probe[] = [
  { file: 'lib/index.ok.ts', source: importing('./module/index.js') },
  { file: 'lib/module/all.ts', source: importing('../store/redis/redis-store.js') },
  { file: 'lib/module/repository.ts', source: importing('../repository/index.js') },
  { file: 'lib/module/type.ts', source: `export type { Redis } from 'ioredis';` },
  { file: 'lib/transactional/nest.ts', source: importing('@nestjs/common') },
  { file: 'lib/transactional/down.ts', source: importing('../transaction/manager.js') },
  { file: 'lib/repository/down.ts', source: importing('../transaction/manager.js') },
  { file: 'lib/repository/nest.ts', source: importing('@nestjs/common') },
  { file: 'lib/transaction/down.ts', source: importing('../commit/commit.js') },
  { file: 'lib/transaction/own.ts', source: importing('./commit/module.js') },
  { file: 'lib/commit/down.ts', source: importing('../store/versioned-store.js') },
  { file: 'lib/store/errors.ts', source: importing('../errors/index.js') },
  { file: 'lib/store/redis/driver.ts', source: importing('ioredis') },
  { file: 'lib/store/redis/down.ts', source: importing('../../errors/index.js') },
  { file: 'lib/testing/all.ts', source: importing('../store/embedded/embedded-store.js') },
  { file: 'lib/terminus/peer.ts', source: importing('@nestjs/terminus') },
  { file: 'lib/class-transformer/peer.ts', source: importing('class-transformer') },
  ...Object.entries(adapters).map(([folder, own]) => ({
    file: `lib/${folder}/peer.ts`,
    source: importing(own),
  })),
  { file: 'lib/sql/down.ts', source: importing('../transaction/manager.js') },
  { file: 'lib/tcc/down.ts', source: importing('../repository/index.js') },
  { file: 'lib/commit/participants.ts', source: importing('../participants/index.js') },
  { file: 'lib/kysely/pool.ts', source: importing('../pg/index.js') },
  { file: 'lib/commit/plan.spec.ts', source: importing('../testing/index.js') },
  { file: 'sample/01/app.ts', source: importing('nestjs-distributed-tx') },
];

interface Diagnostic {
  readonly code: string;
  readonly filename: string;
}

/** Lints all probes at once, in a copy of the tree that has nothing else, with our configuration. */
function lint(probes: readonly Probe[]): Diagnostic[] {
  const folder = mkdtempSync(join(tmpdir(), 'dtx-import-rules-'));
  try {
    copyFileSync(join(root, '.oxlintrc.json'), join(folder, '.oxlintrc.json'));
    for (const { file, source } of probes) {
      mkdirSync(join(folder, dirname(file)), { recursive: true });
      writeFileSync(join(folder, file), `${source}\n`);
    }
    const oxlint = join(root, 'node_modules/oxlint/bin/oxlint');
    const args = [oxlint, '--format', 'json', 'lib', 'sample'];
    const { stdout } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
    return (JSON.parse(stdout) as { diagnostics: Diagnostic[] }).diagnostics;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('the import rules', () => {
  const diagnostics = lint([...refused, ...allowed]);

  function codesOf(file: string): string[] {
    return diagnostics.filter(({ filename }) => filename === file).map(({ code }) => code);
  }

  it.each(refused)('refuse in $file: $source', ({ file, rule = restricted }) => {
    expect(codesOf(file)).toEqual([rule]);
  });

  it.each(allowed)('allow in $file: $source', ({ file }) => {
    expect(codesOf(file)).toEqual([]);
  });

  it('know every folder of lib', () => {
    const entries = readdirSync(join(root, 'lib'), { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    const known = [...Object.keys(forbiddenFolders), ...entryPoints];

    expect(folders.filter((folder) => !known.includes(folder))).toEqual([]);
  });
});
