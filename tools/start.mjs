// npm start: makes the checkout ready, then runs `quorate devnet` with the arguments it was given.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { root, setup } from './setup.mjs';

setup();

// A Ctrl-C reaches the whole foreground group, and npm passes it on once more. The devnet would take the second for
// impatience, so it runs in a group of its own and hears each signal once.
const once = 1000; // ms
const heard = new Map();

const devnet = spawn(
  process.execPath,
  [join(root, 'packages/cli/bin/quorate.js'), 'devnet', ...process.argv.slice(2)],
  { stdio: ['ignore', 'inherit', 'inherit'], detached: process.platform !== 'win32' },
);

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    const now = performance.now();
    if (now - (heard.get(signal) ?? Number.NEGATIVE_INFINITY) < once) return;
    heard.set(signal, now);
    devnet.kill(signal);
  });
}

process.on('exit', () => devnet.kill('SIGTERM'));
devnet.on('error', (error) => {
  console.error(`The devnet could not be started: ${error.message}`);
  process.exit(1);
});
devnet.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
