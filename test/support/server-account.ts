import { execFile } from 'node:child_process';
import { chown } from 'node:fs/promises';
import { promisify } from 'node:util';

/** The user nobody of every Linux. */
const nobody = { uid: 65_534, gid: 65_534 };

/** Who database servers run as: they refuse root, so that its tests run them as nobody. */
export const serverAccount = process.getuid?.() === 0 ? nobody : undefined;

/** Gives a folder, without what is in it, to the account of the servers. */
export async function giveToServers(dir: string): Promise<void> {
  if (serverAccount !== undefined) await chown(dir, serverAccount.uid, serverAccount.gid);
}

/**
 * Runs a program to its end and gives what it printed.
 * @throws when it fails, with what it printed as an error.
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
): Promise<string> {
  const { cwd, env } = options;
  const settings = { cwd, env: { ...process.env, HOME: cwd, ...env }, ...serverAccount };
  const { stdout } = await promisify(execFile)(program, args, settings);
  return stdout;
}
