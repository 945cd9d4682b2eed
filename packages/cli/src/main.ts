import { run } from './program.ts';

// Whoever reads our output may have heard enough: `quorate sim replay --seed 17 | head`.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
}

const code = await run(process.argv.slice(2), (text) => process.stderr.write(text));
if (code !== null) process.exit(code);
