import { readFileSync } from 'node:fs';
import * as client from '@quorate/client';
import { expect, it } from 'vitest';
import { render } from '../tools/api-docs.mjs';

it('docs/api.md is what the contract says (else: npm run build, node tools/api-docs.mjs)', () => {
  const page = readFileSync(new URL('../docs/api.md', import.meta.url), 'utf8');
  expect(page).toBe(render(client));
  for (const method of Object.keys(client.contract)) expect(page).toContain(`\n### ${method}\n`);
});
