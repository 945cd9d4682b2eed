import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { blank } from '../tools/blank.mjs';
import { checkFloors } from '../tools/floors.mjs';

let root: string;

function write(file: string, content: string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), content);
}

function addPackage(name: string, dependencies: string[] = []): void {
  write(
    `packages/${name}/package.json`,
    JSON.stringify({ name: `@quorate/${name}`, dependencies: Object.fromEntries(dependencies.map((d) => [d, '*'])) }),
  );
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'quorate-floors-'));
  write('package.json', JSON.stringify({ devDependencies: { vitest: '*' } }));
  addPackage('kernel');
  addPackage('simplex', ['@quorate/kernel']);
});

afterEach(() => rmSync(root, { recursive: true }));

describe('floors', () => {
  it('accepts a tree that keeps to them', () => {
    write('packages/kernel/src/index.ts', `export * from './digest.ts';`);
    write('packages/simplex/src/index.ts', `import type { Digest } from '@quorate/kernel';\nexport type X = Digest;`);
    write(
      'packages/simplex/src/index.test.ts',
      `import { readFileSync } from 'node:fs';\nimport { it } from 'vitest';\nimport { world } from '@quorate/sim';\nsetTimeout(it, 1);`,
    );
    expect(checkFloors(root)).toEqual([]);
  });

  it.each([
    ['a higher floor', 'kernel', `import { x } from '@quorate/simplex';`, 'must not import @quorate/simplex'],
    ['the same floor', 'simplex', `export * from '@quorate/ledger';`, 'must not import @quorate/ledger'],
    [
      'a type of a higher floor',
      'simplex',
      `import type {\n  A,\n} from "@quorate/node";`,
      'must not import @quorate/node',
    ],
    ['a higher floor, later', 'simplex', `const x = await import('@quorate/sim');`, 'must not import @quorate/sim'],
    ['a lower floor without naming it', 'simplex', `import '@quorate/crypto';`, 'package.json does not name'],
    ['a third party without naming it', 'simplex', `import z from 'zod/v4';`, 'imports zod, which'],
    ['a dev dependency', 'simplex', `import { it } from 'vitest';`, 'imports vitest, which'],
    ['another folder', 'simplex', `import { x } from '../../kernel/src/x.ts';`, 'must not reach outside'],
    ['Node', 'simplex', `import { join } from 'node:path';`, 'must not import node:path'],
    ['Node by an old name', 'kernel', `import fs from 'fs';`, 'must not import fs'],
    ['the clock', 'simplex', 'const t = Date.now();', 'must not use Date.now'],
    ['the date', 'kernel', 'const t = new Date();', 'must not use new Date()'],
    ['the monotonic clock', 'kernel', 'const t = performance.now();', 'must not use performance.now'],
    ['chance', 'simplex', 'const t = `${Math.random()}`;', 'must not use Math.random'],
    ['a timer', 'simplex', 'setTimeout(() => {}, 5);', 'must not use a timer'],
    ['a global timer', 'simplex', 'globalThis.setInterval(f, 5);', 'must not use a timer'],
    ['the process', 'kernel', 'const { A } = process.env;', 'must not use process'],
  ])('refuses %s', (_, name, line, sentence) => {
    write(`packages/${name}/src/bad.ts`, `// first line\n${line}\n`);
    expect(checkFloors(root)).toEqual([expect.stringContaining(sentence)]);
    expect(checkFloors(root)[0]).toMatch(new RegExp(`^packages/${name}/src/bad\\.ts:[24]: `));
  });

  it('refuses tests that import from a higher floor other than sim', () => {
    write('packages/kernel/src/bad.test.ts', `import { Replica } from '@quorate/replica';`);
    expect(checkFloors(root)).toEqual([expect.stringContaining('must not import @quorate/replica')]);
  });

  it('refuses a package.json that points upwards, references that differ from it, and a package without a floor', () => {
    addPackage('crypto', ['@quorate/kernel', '@quorate/light']);
    write('packages/simplex/tsconfig.json', JSON.stringify({ references: [] }));
    addPackage('attic');
    expect(checkFloors(root)).toEqual([
      expect.stringContaining('attic has no floor'),
      expect.stringContaining('must not depend on @quorate/light'),
      expect.stringContaining('its references must be'),
    ]);
  });

  it('reads code only: comments, strings and regular expressions may say what they like', () => {
    write(
      'packages/simplex/src/index.ts',
      [
        '// Date.now()',
        '/* setTimeout( import x from "y" */',
        `export const a = "Math.random()" + 'process.exit' + \`import 'zod' \${1 / 2} Date.now\`;`,
        String.raw`export const b = /'Date.now"[/]\//.test(a);`,
        'export const c = (clock: Clock) => clock.setTimeout();',
        'export const d = new Date(0);',
      ].join('\n'),
    );
    expect(checkFloors(root)).toEqual([]);
  });
});

describe('blank', () => {
  it('keeps length, lines and code', () => {
    const source = "a / b; // c\nconst d = `e${f('g')}h`;";
    expect(blank(source)).toBe("a / b;     \nconst d = ` ${f(' ')} `;");
  });
});
