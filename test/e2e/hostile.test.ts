import { randomBytes } from 'node:crypto';
import { createPureSuites } from '@quorate/crypto';
import { encode, type SecretKey } from '@quorate/kernel';
import { type SimplexMessage, simplexMessageCodec } from '@quorate/simplex';
import { afterEach, describe, expect, it } from 'vitest';
import { envelopeCodec, gossipCodec, syncCodec } from '../../packages/replica/src/wire.ts';
import { audit } from './audit.ts';
import { HostilePeer, message } from './hostile.ts';
import { Network, readNodeKey } from './network.ts';
import { Payments } from './payments.ts';
import { type NodeProcess, until } from './process.ts';

const VOTES = 0;
const BODIES = 1;
const TRANSACTIONS = 2;
const SYNC = 3;
const MEGABYTE = 1 << 20;

const peers: HostilePeer[] = [];
afterEach(() => {
  for (const peer of peers.splice(0)) peer.end();
});

function freshKey(): SecretKey {
  return createPureSuites()
    .get('ed25519')
    .secretFromSeed(new Uint8Array(randomBytes(32)));
}

async function attack(network: Network, victim: NodeProcess, key: SecretKey = freshKey()): Promise<HostilePeer> {
  const peer = await HostilePeer.connect(victim.listen, key);
  peers.push(peer);
  peer.greet(network.genesis);
  await until('to be greeted', () => peer.heard.length > 0 || peer.closed);
  return peer;
}

const gone = (peer: HostilePeer): Promise<boolean> => until('the victim to hang up', () => peer.closed);

/** A vote whose signature is nothing. */
function forgedVote(epoch: number, view: number): Uint8Array {
  const vote: SimplexMessage = {
    kind: 'vote',
    vote: { statement: { kind: 'nullify', epoch, view }, signer: 3, signature: new Uint8Array(64) },
  };
  return message(VOTES, encode(envelopeCodec, { epoch, payload: encode(simplexMessageCodec, vote) }));
}

describe('a hostile peer', () => {
  it('with a key that nobody knows is turned away, and the network goes on', { timeout: 240_000 }, async () => {
    const network = await Network.create({ config: { p2p: { maxObservers: 16, maxObserversPerAddress: 16 } } });
    await network.run();
    const payments = await Payments.open(network);
    payments.start();
    const victim = network.node(0);

    // Another chain, another genesis, another protocol, no hello at all.
    for (const [changes, why] of [
      [{ chainId: 'other' }, /chain other is not e2e/],
      [{ genesis: 'ab'.repeat(32) }, /genesis .* is not/],
      [{ protocol: 'quorate/mesh/9' }, /wire protocol/],
      [{ minProtocol: 7, maxProtocol: 9 }, /protocol versions 7 to 9/],
    ] as const) {
      const peer = await HostilePeer.connect(victim.listen, freshKey());
      peers.push(peer);
      peer.greet(network.genesis, changes);
      await gone(peer);
      expect(peer.refusal).toMatch(why);
    }
    for (const bytes of [randomBytes(4000), message(VOTES, randomBytes(100)), new Uint8Array(64)]) {
      const peer = await HostilePeer.connect(victim.listen, freshKey());
      peers.push(peer);
      peer.raw(bytes);
      await gone(peer);
    }

    // Frames and messages that are longer than any may be.
    const long = await attack(network, victim);
    long.raw(Uint8Array.of(SYNC, 1, 0xff, 0xff, 1, 2, 3));
    await gone(long);
    expect(long.refusal).toMatch(/exceeds/);
    const huge = await attack(network, victim);
    huge.raw(Uint8Array.of(VOTES, 1, 8, 0, 0xff, 0xff, 0xff, 0x7f, 1, 2, 3, 4));
    await gone(huge);
    expect(huge.refusal).not.toBeNull();

    // Garbage in every class.
    for (const traffic of [VOTES, BODIES, TRANSACTIONS, SYNC]) {
      const peer = await attack(network, victim);
      for (let i = 0; i < 8; i++) peer.raw(message(traffic, randomBytes(200)));
      await gone(peer);
      expect(peer.refusal, `garbage in class ${traffic}`).toMatch(/expelled/);
    }

    // Votes from somebody who has none, in this epoch and others; what it heard, played back; requests without end.
    const replayer = await attack(network, victim);
    for (const epoch of [0, 1, 2, 2 ** 40]) for (let view = 1; view < 50; view++) replayer.raw(forgedVote(epoch, view));
    const asking = encode(syncCodec, { kind: 'wantRange', request: 1, from: 1, count: 256 });
    for (let i = 0; i < 2000; i++) replayer.raw(message(SYNC, asking));
    await network.progress(3);
    const heard = replayer.heard.filter(({ type, payload }) => type <= SYNC && payload.length > 0);
    expect(heard.length).toBeGreaterThan(0);
    for (let round = 0; round < 20; round++) {
      for (const { type, flags, payload } of heard) {
        const frame = new Uint8Array(4 + payload.length);
        frame.set([type, flags, payload.length & 0xff, payload.length >> 8]);
        frame.set(payload, 4);
        replayer.raw(frame);
      }
    }
    const nonsense = await attack(network, victim);
    const transactions = Array.from({ length: 100 }, () => new Uint8Array(randomBytes(150)));
    const gossip = message(TRANSACTIONS, encode(gossipCodec, { kind: 'transactions', transactions }));
    for (let i = 0; i < 50; i++) nonsense.raw(gossip);

    await network.progress(5);
    await payments.more(5);
    await audit(network, { payments });
  });

  it('that sends a million small frames does not fill the memory of its victim', { timeout: 300_000 }, async () => {
    const network = await Network.create();
    await network.run();
    const payments = await Payments.open(network);
    payments.start();
    await payments.more(10);
    const victim = network.node(0);
    const before = victim.residentBytes();
    // As an observer: read at 2000 a second, so most of them never leave this process.
    const observer = await attack(network, victim);
    const frame = forgedVote(0, 1_000_000);
    const bulk = Buffer.concat(Array.from({ length: 1000 }, () => frame));
    const until = performance.now() + 8000;
    let sent = 0;
    const flood = (async () => {
      while (performance.now() < until && (await Promise.race([observer.push(bulk), late(until)]))) sent += 1000;
    })();
    await payments.more(5);
    await flood;
    observer.end();
    expect(victim.residentBytes() - before).toBeLessThan(100 * MEGABYTE);

    // With a validator's key: read at 50,000 a second.
    const validator = network.node(3);
    const key = await readNodeKey(validator.home);
    await validator.stop();
    const member = await attack(network, victim, key);
    let frames = 0;
    let peak = 0;
    while (frames < 1_000_000 && (await member.push(bulk))) {
      frames += 1000;
      if (frames % 50_000 === 0) peak = Math.max(peak, victim.residentBytes());
    }
    expect(peak - before).toBeLessThan(150 * MEGABYTE);
    expect(frames === 1_000_000 || /expelled/.test(member.refusal ?? ''), `${sent} and ${frames} frames sent`).toBe(
      true,
    );
    member.end();
    const others = network.nodes.slice(0, 3);
    await network.progress(3, others);
    await payments.more(5);
    await audit(network, { payments, nodes: others });
  });

  it('with the key of a validator is expelled by everybody it lies to', { timeout: 240_000 }, async () => {
    const network = await Network.create();
    await network.run();
    const payments = await Payments.open(network);
    payments.start();
    const impersonated = network.node(3);
    const key = await readNodeKey(impersonated.home);
    await impersonated.stop();
    const others = network.nodes.slice(0, 3);
    const { epoch, view } = await network.node(0).client.status();
    for (const [index, victim] of others.entries()) {
      const peer = await attack(network, victim, key);
      for (let i = 0; i < 20; i++) {
        if (index === 0)
          peer.raw(message(VOTES, encode(envelopeCodec, { epoch, payload: new Uint8Array(randomBytes(80)) })));
        else if (index === 1) peer.raw(message(BODIES, randomBytes(300)));
        else peer.raw(message(SYNC, randomBytes(300)));
      }
      await gone(peer);
      expect(peer.refusal).toMatch(/expelled/);
      await until('the log to tell', () => victim.log().includes('expelled a peer'));
      // It is kept out, too.
      const again = await HostilePeer.connect(victim.listen, key);
      peers.push(again);
      again.greet(network.genesis);
      await gone(again);
      expect(again.refusal).toMatch(/banned/);
    }
    // Forged votes in its name count for nothing, whoever reads them.
    expect(view).toBeGreaterThan(0);
    await network.progress(5, others);
    await payments.more(5);
    await audit(network, { payments, nodes: others });
  });
});

async function late(deadline: number): Promise<false> {
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, deadline - performance.now())));
  return false;
}
