// The repository's root, and the Node.js version without which nothing here can work.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** @param {string} path relative to the root */
export function fromRoot(path) {
  return join(root, path);
}

/** Ends the process with a sentence when this Node.js is older than the package supports. */
export function requireSupportedNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  process.stderr.write(`Node.js 20.19 or newer is needed; this is ${process.version}.\n`);
  process.exit(1);
}

/**
 * Runs the work of a command-line tool and turns a failure into one line and an exit code.
 * @param {() => void | Promise<void>} work
 */
export async function runTool(work) {
  requireSupportedNode();
  try {
    await work();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
