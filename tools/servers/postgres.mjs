// PostgreSQL: the programs of one version, in one folder.
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { asRoot, installCommand, installPackages } from './apt.mjs';
import { findExecutable, isExecutable } from './executable.mjs';

const programs = ['postgres', 'initdb', 'psql'];
const debianFolder = '/usr/lib/postgresql';
const clusterDefaults = '/etc/postgresql-common/createcluster.conf';

/** Debian keeps each version in a folder of its own, and none of them on the PATH. */
function debianFolders() {
  try {
    const versions = readdirSync(debianFolder).toSorted((a, b) => Number(b) - Number(a));
    return versions.map((version) => join(debianFolder, version, 'bin'));
  } catch {
    return [];
  }
}

/** @param {string} folder */
function isComplete(folder) {
  return programs.every((program) => isExecutable(join(folder, program)));
}

/**
 * The folder with postgres, initdb and psql: DTX_POSTGRES_BIN when set, else Debian's newest version,
 * else the one on the PATH. DTX_POSTGRES_BIN=none hides them all.
 * @returns {string | undefined}
 */
export function findPostgresBin() {
  const chosen = process.env['DTX_POSTGRES_BIN'];
  if (chosen) return isComplete(chosen) ? chosen : undefined;
  const onPath = findExecutable(['postgres']);
  return [...debianFolders(), ...(onPath === undefined ? [] : [dirname(onPath)])].find(isComplete);
}

/**
 * Debian's package makes a cluster and starts it, unless its defaults say otherwise. They are said
 * for the installation alone, and clusters that are there already are left as they are.
 */
function install() {
  const withoutCluster = `
    cp -p "$0" "$0.dtx" || exit 1
    trap 'mv "$0.dtx" "$0"' EXIT
    trap 'exit 1' HUP INT TERM
    echo 'create_main_cluster = false' >> "$0"
    "$@"`;
  return (
    installPackages(['postgresql-common']) &&
    asRoot(['sh', '-c', withoutCluster, clusterDefaults, ...installCommand, 'postgresql'])
  );
}

/** @type {import('./servers.mjs').ServerKind} */
export const postgres = {
  name: 'PostgreSQL',
  variable: 'DTX_POSTGRES_BIN',
  find: findPostgresBin,
  install,
};
