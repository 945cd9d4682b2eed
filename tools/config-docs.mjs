// Writes docs/configuration.md from the settings of the node. With --check it only says whether the page is up to date.
import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const HEAD = `# Configuration

Written by \`node tools/config-docs.mjs\` from \`packages/node/src/settings.ts\`. Do not edit.

Every setting can stand in \`config.json\` in the home folder, in the environment, or on the command line of \`quorate start\`; later ones
win. In the file, \`p2p.listen\` is \`{ "p2p": { "listen": … } }\`. A wrong setting stops the start with its name and where it came from.
\`QUORATE_PASSPHRASE\` opens encrypted key files, \`QUORATE_HOME\` stands for \`--home\`, \`QUORATE_URL\` for \`--url\`.

`;

/** The page, from the node's table of settings. */
export function render(configTable) {
  return `${HEAD}${configTable()}\n`;
}

const page = fileURLToPath(new URL('../docs/configuration.md', import.meta.url));

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { configTable } = await import('../packages/node/dist/index.js');
  const text = render(configTable);
  if (process.argv.includes('--check')) {
    if (readFileSync(page, 'utf8') !== text) {
      console.error('docs/configuration.md is out of date: run node tools/config-docs.mjs');
      process.exitCode = 1;
    }
  } else writeFileSync(page, text);
}
