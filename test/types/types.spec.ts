import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const files = readdirSync(new URL('.', import.meta.url)).filter(
  (name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'),
);

/** The compiler's complaints, as `path(line,column): message`. */
function typeCheck(): { readonly output: string[]; readonly status: number | null } {
  const tsc = `${root}/node_modules/typescript/bin/tsc`;
  const args = [tsc, '--noEmit', '--pretty', 'false', '-p', 'test/types/tsconfig.json'];
  const { stdout, status } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  return { output: stdout.split('\n'), status };
}

describe('the types that users see', () => {
  const { output, status } = typeCheck();

  it.each(files)('hold in %s, where each expected error is one', (file) => {
    const complaints = output.filter((line) => line.startsWith(`test/types/${file}(`));

    expect(complaints).toEqual([]);
  });

  it('were checked by a compiler that ran', () => {
    expect(status).not.toBeNull();
    expect(files).not.toEqual([]);
  });
});
