// An application that has the packed package installed, without a registry: the tarball is unpacked
// into its node_modules, and the peers are links to those of the repository.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { spawnNpm } from '../../tools/npm.mjs';
import { fromRoot, root } from '../../tools/root.mjs';

export const packageName = 'nestjs-distributed-tx';

/** Packs the repository as `npm publish` would, and returns the folder that holds the tarball. */
export function pack() {
  const folder = mkdtempSync(join(tmpdir(), 'dtx-pack-'));
  const args = ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder];
  const { status, stderr } = spawnNpm(args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`npm pack failed: ${String(stderr)}`);
  return folder;
}

export class PackedApp {
  /**
   * @param {string} tarballFolder as `pack` returned it
   * @param {Record<string, string>} peers the folder in our node_modules, by the name of the peer
   */
  constructor(tarballFolder, peers) {
    this.folder = mkdtempSync(join(tmpdir(), 'dtx-packed-app-'));
    this.package = join(this.folder, 'node_modules', packageName);
    mkdirSync(this.package, { recursive: true });
    const [tarball = ''] = readdirSync(tarballFolder).filter((name) => name.endsWith('.tgz'));
    const unpack = ['-xzf', join(tarballFolder, tarball), '-C', this.package];
    const { status } = spawnSync('tar', [...unpack, '--strip-components=1']);
    if (status !== 0) throw new Error(`tar could not unpack ${tarball}`);
    for (const [name, source] of Object.entries(peers)) this.#link(name, source);
  }

  /** The files of the package, relative to it. */
  files() {
    return readdirSync(this.package, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(this.package.length + 1));
  }

  /**
   * Runs a script in the application and returns what it printed.
   * @param {'module' | 'commonjs'} type
   * @param {string} script
   */
  run(type, script) {
    const args = [`--input-type=${type}`, '--eval', script];
    return spawnSync(process.execPath, args, { cwd: this.folder, encoding: 'utf8' });
  }

  /**
   * The names that an entry point exports.
   * @param {'module' | 'commonjs'} type
   * @param {string} specifier
   * @returns {string[]}
   */
  exportsOf(type, specifier) {
    const load = type === 'module' ? 'await import' : 'require';
    const script = `console.log(JSON.stringify(Object.keys(${load}('${specifier}'))))`;
    const { status, stdout, stderr } = this.run(type, script);
    if (status !== 0) throw new Error(`${load}('${specifier}') failed:\n${stderr}`);
    return JSON.parse(stdout).filter((/** @type {string} */ name) => name !== '__esModule');
  }

  remove() {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /**
   * @param {string} name
   * @param {string} source
   */
  #link(name, source) {
    const link = join(this.folder, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(fromRoot(`node_modules/${source}`), link, 'dir');
  }
}
