import { readFileSync } from 'node:fs';
import { configTable } from '@quorate/node';
import { expect, it } from 'vitest';
import { render } from '../tools/config-docs.mjs';

it('docs/configuration.md says what the settings say', () => {
  const page = readFileSync(new URL('../docs/configuration.md', import.meta.url), 'utf8');
  expect(page).toBe(render(configTable));
});
