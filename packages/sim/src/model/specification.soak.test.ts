import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

it('Quint accepts the specification, and makes the committed traces of it', () => {
  const tool = fileURLToPath(new URL('../../../../tools/specs.mjs', import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [tool, '--check'], { encoding: 'utf8' });
  expect(`${stderr}${status}`, stdout).toBe('0');
});
