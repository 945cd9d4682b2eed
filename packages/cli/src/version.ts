import { readFileSync } from 'node:fs';

function read(): string {
  const { version }: { version: string } = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  );
  return version;
}

/** Of this software. */
export const VERSION: string = read();
