// Memcached.
import { asRoot, installCommand } from './apt.mjs';
import { findExecutable, isExecutable } from './executable.mjs';

const startPolicy = '/usr/sbin/policy-rc.d';

/**
 * The path of memcached: DTX_MEMCACHED_SERVER when set, else the one on the PATH.
 * DTX_MEMCACHED_SERVER=none hides it.
 * @returns {string | undefined}
 */
export function findMemcachedServer() {
  const chosen = process.env['DTX_MEMCACHED_SERVER'];
  if (chosen) return isExecutable(chosen) ? chosen : undefined;
  return findExecutable(['memcached']);
}

/**
 * Debian's package starts a service and has it started at every boot. A policy that is there for the
 * installation alone keeps the first from happening; then the second is taken back.
 */
function install() {
  const withoutService = `
    if [ ! -e "$0" ]; then
      trap 'rm -f "$0"' EXIT
      trap 'exit 1' HUP INT TERM
      printf '#!/bin/sh\\nexit 101\\n' > "$0" && chmod 755 "$0" || exit 1
    fi
    "$@" || exit 1
    systemctl disable memcached >/dev/null 2>&1 || true`;
  return asRoot(['sh', '-c', withoutService, startPolicy, ...installCommand, 'memcached']);
}

/** @type {import('./servers.mjs').ServerKind} */
export const memcached = {
  name: 'Memcached',
  variable: 'DTX_MEMCACHED_SERVER',
  find: findMemcachedServer,
  install,
};
