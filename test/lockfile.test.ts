import { expect, it } from 'vitest';
import { outdated } from '../tools/lockfile.mjs';

const packages = {
  '': { devDependencies: { vitest: '4.1.12' } },
  'packages/cli': { dependencies: { commander: '14.0.3' } },
  'node_modules/commander': { version: '14.0.3' },
};

it('names the packages whose dependencies the lockfile does not repeat, which npm ci would refuse', () => {
  const manifests: Record<string, object> = {
    '': { devDependencies: { vitest: '4.1.12' } },
    'packages/cli': { dependencies: { commander: '14.0.3' } },
  };
  const read = (path: string): object | null => manifests[path] ?? null;
  expect(outdated(packages, read)).toEqual([]);
  manifests['packages/cli'] = { dependencies: { commander: '14.0.3', ws: '8.23.0' } };
  expect(outdated(packages, read)).toEqual(['packages/cli']);
  manifests[''] = { devDependencies: { vitest: '4.1.13' } };
  expect(outdated(packages, read)).toEqual(['', 'packages/cli']);
});
