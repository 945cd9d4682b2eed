// Bundles the simulator from the TypeScript sources into one module, with a patch applied to one file: how the bug zoo makes mutants.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Bundles that were made before, by digest of sources and patch. */
const cache = join(tmpdir(), `quorate-campaign-${process.getuid?.() ?? 0}`);
const KEEP_MS = 24 * 3_600_000;

/** The text of a file with patches in it, one after the other. Throws when the text that one replaces does not stand there exactly once. */
export function patched(text, patches) {
  return patches.reduce((held, { file, find, replace }) => {
    const parts = held.split(find);
    if (parts.length === 2) return parts.join(replace);
    throw new Error(`the patch no longer applies: its text stands ${parts.length - 1} times in ${file}:\n${find}`);
  }, text);
}

/** Applies all patches to the sources of the checkout, and throws as {@link patched}. Gives the new texts by file. */
export function applied(patches) {
  const files = new Set(patches.map(({ file }) => file));
  const read = (file) => readFileSync(join(root, file), 'utf8');
  return new Map(
    [...files].map((file) => [
      file,
      patched(
        read(file),
        patches.filter((one) => one.file === file),
      ),
    ]),
  );
}

/** Digest of every source that can be part of a bundle, the zoo itself too: one for the whole checkout. */
export function sourceDigest() {
  const hash = createHash('sha256');
  const visit = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) visit(path);
      else if (/\.(ts|json)$/.test(entry.name) && !entry.name.endsWith('.test.ts')) {
        hash.update(path.slice(root.length)).update(readFileSync(path));
      }
    }
  };
  for (const name of readdirSync(join(root, 'packages')).sort()) {
    const source = join(root, 'packages', name, 'src');
    if (existsSync(source)) visit(source);
  }
  visit(join(root, 'test', 'zoo'));
  return hash.digest('hex');
}

/** Path of a module with everything that `entry` exports, patches applied. Made once for the same sources and patches. */
export async function bundle(entry, patches = [], sources = sourceDigest()) {
  const key = createHash('sha256')
    .update(sources)
    .update(entry)
    .update(JSON.stringify(patches))
    .digest('hex')
    .slice(0, 24);
  const out = join(cache, `${key}.mjs`);
  if (existsSync(out)) return out;
  prune();
  const texts = new Map([...applied(patches)].map(([file, text]) => [join(root, file), text]));
  const unseen = new Set(texts.keys());
  const build = await rolldown({
    input: join(root, entry),
    platform: 'node',
    tsconfig: false,
    resolve: { conditionNames: ['quorate-source', 'module', 'import', 'node', 'default'] },
    logLevel: 'silent',
    plugins: [
      {
        name: 'quorate-zoo',
        load(id) {
          const path = resolve(id);
          const code = texts.get(path);
          if (code === undefined) return null;
          unseen.delete(path);
          return { code, moduleType: 'ts' };
        },
      },
    ],
  });
  try {
    const { output } = await build.generate({ format: 'esm', codeSplitting: false });
    const [{ code }] = output;
    for (const path of unseen) throw new Error(`${path} is not part of the simulator`);
    mkdirSync(cache, { recursive: true });
    const draft = join(cache, `${key}.${process.pid}.draft`);
    writeFileSync(draft, code);
    renameSync(draft, out);
    return out;
  } finally {
    await build.close();
  }
}

/** Bundles of a day ago are of other sources. */
function prune() {
  if (!existsSync(cache)) return;
  for (const name of readdirSync(cache)) {
    const path = join(cache, name);
    if (Date.now() - statSync(path).mtimeMs > KEEP_MS) rmSync(path, { force: true });
  }
}
