// Measures the signature suites, pure and native, on one core: node bench/crypto.mjs [--seconds 1] [--only ed25519]
// One JSON line per suite: operations per second, the cost of a certificate of 4 and of 100 signers in ms, and the CPU
// time until the suite is ready, self-check included. Needs `npm run build`.
import { parseArgs } from 'node:util';
import { createPureSuites } from '@quorate/crypto';
import { createNativeSuites } from '@quorate/node';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '1' }, only: { type: 'string', default: '' } },
});
const budget = 1000 * Number(values.seconds);

/** Milliseconds per call of `work(i)`: median of chunks, after a warm-up. */
function cost(work) {
  for (let i = 0; i < 3; i++) work(i);
  const samples = [];
  const end = performance.now() + budget;
  for (let i = 0; performance.now() < end || samples.length < 3; ) {
    const start = performance.now();
    let calls = 0;
    while (performance.now() - start < budget / 20) {
      work(i++);
      calls++;
    }
    samples.push((performance.now() - start) / calls);
  }
  return samples.sort((a, b) => a - b)[samples.length >> 1];
}

const perSecond = (ms) => Math.round(1000 / ms);
const rounded = (ms) => Number(ms.toPrecision(3));

for (const kind of ['native', 'pure']) {
  for (const name of ['ed25519', 'bls12-381']) {
    if (values.only !== '' && values.only !== name) continue;
    const before = process.cpuUsage();
    const suite = (kind === 'native' ? createNativeSuites([name]) : createPureSuites()).get(name);
    const spent = process.cpuUsage(before);
    const startCpuMs = rounded((spent.user + spent.system) / 1000);
    const message = new Uint8Array(120).fill(1);
    const secrets = Array.from({ length: 100 }, (_, n) => suite.secretFromSeed(new Uint8Array(32).fill(n + 1)));
    const items = secrets.map((secret) => ({ publicKey: secret.publicKey, message, signature: secret.sign(message) }));
    const certificateMs = (count) => {
      const signers = items.slice(0, count);
      const keys = signers.map(({ publicKey }) => publicKey);
      const whole = suite.aggregate(signers.map(({ signature }) => signature));
      return rounded(cost(() => suite.verifyAggregate(keys, message, whole)));
    };
    console.log(
      JSON.stringify({
        suite: name,
        kind,
        signPerSecond: perSecond(cost((i) => secrets[i % 100].sign(message))),
        verifyPerSecond: perSecond(cost((i) => suite.verify(items[i % 100]))),
        batch100PerSecond: perSecond(cost(() => suite.findInvalid(items)) / 100),
        certificate4Ms: certificateMs(4),
        certificate100Ms: certificateMs(100),
        startCpuMs,
      }),
    );
  }
}
