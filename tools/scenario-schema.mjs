// Writes docs/scenario.schema.json from the format of scenario files. Build first.
import { writeFileSync } from 'node:fs';

const { scenarioJsonSchema } = await import('../packages/cli/dist/scenario/format.js');
const page = new URL('../docs/scenario.schema.json', import.meta.url);
writeFileSync(page, `${JSON.stringify(scenarioJsonSchema(), null, 2)}\n`);
