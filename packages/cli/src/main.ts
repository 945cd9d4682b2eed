import { run } from './program.ts';

const code = await run(process.argv.slice(2), (text) => process.stderr.write(text));
if (code !== null) process.exit(code);
