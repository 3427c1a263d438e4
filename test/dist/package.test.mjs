// What users get: the packed package, as an application without anything of this repository sees it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fromRoot } from '../../tools/root.mjs';
import { pack, packageName, PackedApp } from './packed-app.mjs';

const required = ['@nestjs/common', '@nestjs/core', 'ioredis', 'reflect-metadata', 'rxjs'];
const optional = [
  '@mikro-orm/core',
  '@nestjs/terminus',
  '@prisma/client',
  'apache-ignite-client',
  'class-transformer',
  'drizzle-orm',
  'hashring',
  'knex',
  'kysely',
  'memcache-parser',
  'mongoose',
  'mysql2',
  'pg',
  'typeorm',
];
const entryPoints = [
  '',
  '/testing',
  '/terminus',
  '/class-transformer',
  '/pg',
  '/mysql',
  '/typeorm',
  '/prisma',
  '/drizzle',
  '/kysely',
  '/knex',
  '/mikro-orm',
  '/mongoose',
  '/memcached',
  '/ignite',
];
const loaders = /** @type {const} */ (['module', 'commonjs']);
const compilerOptions = {
  target: 'es2023',
  module: 'nodenext',
  strict: true,
  noEmit: true,
  experimentalDecorators: true,
  types: ['node'],
};

/** @param {string[]} names */
function installed(names) {
  return Object.fromEntries(names.map((name) => [name, name]));
}

/** @param {string} source */
function bareImportsOf(source) {
  // A statement starts its line in what the compiler writes; texts of messages do not.
  const statements = /^(?:import|export)\b(?:[^'"();=]*\bfrom)? ?'([^'./][^']*)'/gm;
  const calls = /\b(?:import|require)\(\s*'([^'./][^']*)'/g;
  const found = [...source.matchAll(statements), ...source.matchAll(calls)];
  return found.map(([, specifier = '']) => specifier);
}

/** @param {string} specifier */
function packageOf(specifier) {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

describe('the packed package', () => {
  /** @type {string} */
  let tarball;
  /** @type {PackedApp} */
  let full;
  /** @type {PackedApp} */
  let bare;
  /** @type {PackedApp} */
  let onOldDriver;
  /** @type {string[]} */
  let files;

  before(() => {
    tarball = pack();
    full = new PackedApp(
      tarball,
      installed([...required, ...optional, '@types/node', '@types/pg']),
    );
    bare = new PackedApp(tarball, installed(required));
    onOldDriver = new PackedApp(tarball, { ...installed(required), ioredis: 'ioredis-5' });
    files = full.files();
  });

  after(() => {
    for (const app of [full, bare, onOldDriver]) app?.remove();
    if (tarball !== undefined) rmSync(tarball, { recursive: true, force: true });
  });

  /** @param {string} path */
  function read(path) {
    return readFileSync(join(full.package, path), 'utf8');
  }

  it('has a file behind every path of "exports"', () => {
    const targets = Object.values(JSON.parse(read('package.json')).exports).flatMap((target) =>
      typeof target === 'string' ? [target] : Object.values(target),
    );
    assert.notEqual(targets.length, 0);
    assert.deepEqual(
      targets.filter((target) => !existsSync(join(full.package, target))),
      [],
    );
  });

  it('has every Lua script of lib, unchanged', () => {
    const scripts = readdirSync(fromRoot('lib'), { recursive: true, encoding: 'utf8' }).filter(
      (path) => path.endsWith('.lua'),
    );
    assert.notEqual(scripts.length, 0);
    for (const script of scripts) {
      assert.equal(read(`dist/${script}`), readFileSync(fromRoot(`lib/${script}`), 'utf8'));
    }
  });

  it('has licence, changelog and readme, and besides them only what runs', () => {
    const texts = ['package.json', 'LICENSE', 'CHANGELOG.md', 'README.md'];
    assert.deepEqual(
      texts.filter((text) => !files.includes(text)),
      [],
    );
    const strange = files.filter(
      (file) => !texts.includes(file) && !/^dist\/.*(\.js|\.js\.map|\.d\.ts|\.lua)$/.test(file),
    );
    assert.deepEqual(strange, []);
    assert.deepEqual(
      files.filter((file) => /\.(e2e-)?spec\./.test(file)),
      [],
    );
  });

  it('has source maps that carry or find their sources', () => {
    const lost = files
      .filter((file) => file.endsWith('.map'))
      .flatMap((file) => {
        const { sources, sourcesContent = [] } = JSON.parse(read(file));
        return sources.filter(
          (/** @type {string} */ source, /** @type {number} */ index) =>
            typeof sourcesContent[index] !== 'string' &&
            !existsSync(join(full.package, dirname(file), source)),
        );
      });
    assert.deepEqual(lost, []);
    const unmapped = files
      .filter((file) => file.endsWith('.js') || file.endsWith('.d.ts'))
      .filter((file) => {
        const [, map] = /\/\/# sourceMappingURL=(\S+)\s*$/.exec(read(file)) ?? [];
        return map !== undefined && !existsSync(join(full.package, dirname(file), map));
      });
    assert.deepEqual(unmapped, []);
  });

  it('imports nothing but its peers and what Node.js has', () => {
    const known = new Set([...required, ...optional, ...builtinModules]);
    const unknown = files
      .filter((file) => file.endsWith('.js') || file.endsWith('.d.ts'))
      .flatMap((file) => bareImportsOf(read(file)).map((specifier) => ({ file, specifier })))
      .filter(({ specifier }) => !known.has(packageOf(specifier.replace(/^node:/, ''))));
    assert.deepEqual(unknown, []);
  });

  it('loads at every entry point, with the same names by import and by require', () => {
    for (const entryPoint of entryPoints) {
      const [byImport = [], byRequire = []] = loaders.map((type) =>
        full.exportsOf(type, packageName + entryPoint).toSorted(),
      );
      assert.notEqual(byImport.length, 0, entryPoint);
      assert.deepEqual(byRequire, byImport);
      assert.ok(!byImport.includes('default'), `${entryPoint} has a default export`);
    }
  });

  for (const entryPoint of ['', '/testing']) {
    it(`loads ${packageName}${entryPoint} without the optional peers`, () => {
      for (const type of loaders) {
        assert.notEqual(bare.exportsOf(type, packageName + entryPoint).length, 0);
      }
    });
  }

  it('loads on the older major version of the driver', () => {
    assert.notEqual(onOldDriver.exportsOf('module', packageName).length, 0);
  });

  it('hides what is not an entry point', () => {
    assert.throws(
      () => full.exportsOf('module', `${packageName}/dist/index.js`),
      /ERR_PACKAGE_PATH_NOT_EXPORTED/,
    );
  });

  it('has declarations that compile, for an importing and for a requiring user', () => {
    const imports = entryPoints.map(
      (entryPoint, index) => `import * as entry${index} from '${packageName}${entryPoint}';`,
    );
    const uses = entryPoints.map((_, index) => `void entry${index};`);
    const source = [...imports, ...uses].join('\n');
    writeFileSync(join(full.folder, 'user.mts'), source);
    writeFileSync(join(full.folder, 'user.cts'), source);
    const config = { compilerOptions, files: ['user.mts', 'user.cts'] };
    writeFileSync(join(full.folder, 'tsconfig.json'), JSON.stringify(config));
    const tsc = fromRoot('node_modules/typescript/bin/tsc');
    const { stdout } = spawnSync(process.execPath, [tsc, '--pretty', 'false'], {
      cwd: full.folder,
      encoding: 'utf8',
    });
    const ours = stdout.split('\n').filter((line) => /^(user\.|node_modules\/nestjs-d)/.test(line));
    assert.deepEqual(ours, []);
  });
});
