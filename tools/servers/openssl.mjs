// OpenSSL, whose command makes the certificates of servers that speak TLS.
import { asRoot, installCommand } from './apt.mjs';
import { findExecutable, isExecutable } from './executable.mjs';

/**
 * The path of openssl: DTX_OPENSSL when set, else the one on the PATH. DTX_OPENSSL=none hides it.
 * @returns {string | undefined}
 */
function findOpenssl() {
  const chosen = process.env['DTX_OPENSSL'];
  if (chosen) return isExecutable(chosen) ? chosen : undefined;
  return findExecutable(['openssl']);
}

/** @satisfies {import('./servers.mjs').ServerKind} */
export const openssl = {
  name: 'OpenSSL',
  variable: 'DTX_OPENSSL',
  find: findOpenssl,
  install: () => asRoot([...installCommand, 'openssl']),
};
