import { randomBytes } from 'node:crypto';
import { createPureSuites, sha256 } from '@quorate/crypto';
import { decode, encode, headerDigest, type SecretKey, type Statement, signedBytes } from '@quorate/kernel';
import { type SimplexMessage, simplexMessageCodec } from '@quorate/simplex';
import { afterEach, describe, expect, it } from 'vitest';
import { envelopeCodec, gossipCodec, syncCodec } from '../../packages/replica/src/wire.ts';
import { audit, signersOf } from './audit.ts';
import { type Heard, HostilePeer, message, wholeMessage } from './hostile.ts';
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
    // It has no vote: nothing of that reaches the rules of the protocol.
    await until('its votes to be refused', async () => {
      const { counters } = await victim.client.status();
      const refused = (counters['dropped.votes-observer'] ?? 0) >= 49;
      return refused && (counters['dropped.votes-later-epoch'] ?? 0) >= 2 * 49;
    });
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
    const { epoch } = await network.node(0).client.status();
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
    await network.progress(5, others);
    await payments.more(5);
    await audit(network, { payments, nodes: others });
  });

  it('forges votes of a validator that count for nothing, and is expelled for them', { timeout: 240_000 }, async () => {
    const network = await Network.create({ epochLength: 8 });
    await network.run();
    const payments = await Payments.open(network);
    payments.start();
    const forged = network.node(3);
    const [node, voting] = [await readNodeKey(forged.home), await network.votingKey(forged)];
    const [first, second, third] = [network.node(0), network.node(1), network.node(2)];
    await network.reach(9); // the second epoch
    await payments.stop();
    await forged.stop();
    await third.stop();
    await network.reach(Math.max(...(await network.heights([first, second]))), [first, second]);

    // Two of four do not make a quorum: a third vote that counted would.
    const chainId = 'other';
    const forgeries: readonly [victim: NodeProcess, signature: (statement: Statement) => Uint8Array][] = [
      [first, () => new Uint8Array(randomBytes(64))],
      [second, (statement) => voting.sign(signedBytes(chainId, statement))],
      [third, (statement) => voting.sign(signedBytes(network.genesis.chainId, { ...statement, epoch: 0 }))],
    ];
    const forgers = new Map<NodeProcess, HostilePeer>();
    const forge = async (victim: NodeProcess): Promise<HostilePeer> => {
      const signature = forgeries.find(([of]) => of === victim)?.[1] ?? (() => new Uint8Array(64));
      const peer = await attack(network, victim, node);
      const signer = network.genesis.validators.indexOfPeer(forged.peer) ?? 0;
      peer.onFrame = (frame) => {
        for (const statement of votedIn(network, frame)) {
          const vote: SimplexMessage = { kind: 'vote', vote: { statement, signer, signature: signature(statement) } };
          const payload = encode(simplexMessageCodec, vote);
          peer.raw(message(VOTES, encode(envelopeCodec, { epoch: statement.epoch, payload })));
        }
      };
      forgers.set(victim, peer);
      return peer;
    };
    const stuck = await network.heights([first, second]);
    for (const victim of [first, second]) await forge(victim);
    for (const victim of [first, second]) {
      await until(`${victim.name} to refuse forged votes`, async () => (await blamed(victim)) >= 1);
    }
    expect(await network.heights([first, second])).toEqual(stuck);

    // In somebody else's name, and of epochs that are over or far away.
    const liar = forgers.get(first);
    const { epoch, view, counters } = await first.client.status();
    expect(epoch).toBeGreaterThan(0);
    const other = network.genesis.validators.indexOfPeer(second.peer) ?? 0;
    const statement: Statement = { kind: 'nullify', epoch, view };
    const stolen: SimplexMessage = {
      kind: 'vote',
      vote: { statement, signer: other, signature: new Uint8Array(64) },
    };
    liar?.raw(message(VOTES, encode(envelopeCodec, { epoch, payload: encode(simplexMessageCodec, stolen) })));
    for (const at of [epoch - 1, epoch + 7]) liar?.raw(forgedVote(at, view));
    await until('them to be refused', async () => {
      const now = await first.client.status();
      const more = (name: string): boolean => (now.counters[name] ?? 0) > (counters[name] ?? 0);
      const stolenVotes = now.engine.dropped['impersonated vote'] ?? 0;
      return more('dropped.votes-old-epoch') && more('dropped.votes-later-epoch') && stolenVotes === 1;
    });
    expect(await network.heights([first, second])).toEqual(stuck);

    // With the third one back the network goes on, and whoever forges is shown the door by everybody.
    third.start();
    const others = [first, second, third];
    await network.progress(2, others);
    await forge(third);
    payments.start(() => others);
    for (const victim of others) {
      const peer = forgers.get(victim);
      await until(`${victim.name} to expel the forger`, () => peer?.closed === true);
      expect(peer?.refusal).toMatch(/expelled: sent a .* vote of view \d+ with a bad signature/);
      expect((await victim.client.status()).counters.expelled).toBe(1);
    }
    await network.progress(5, others);
    await payments.more(5);
    const top = await first.height();
    const signer = network.genesis.validators.indexOfPeer(forged.peer) ?? 0;
    for (let height = Math.max(...stuck) + 2; height <= top; height++) {
      for (const node of others) expect(await signersOf(node, height)).not.toContain(signer);
    }
    await audit(network, { payments, nodes: others });
  });
});

/** What a node says it voted for in a frame, and that a validator which agrees would sign next. */
function votedIn(network: Network, frame: Heard): Statement[] {
  const bytes = frame.type === VOTES ? wholeMessage(frame) : null;
  if (bytes === null) return [];
  const said = decode(simplexMessageCodec, decode(envelopeCodec, bytes).payload);
  if (said.kind === 'vote') {
    const { statement } = said.vote;
    return statement.kind === 'notarize' ? [statement, { ...statement, kind: 'finalize' }] : [statement];
  }
  if (said.kind !== 'proposal') return [];
  const { epoch, view } = said.header;
  const block = headerDigest(sha256, network.genesis.chainId, said.header);
  return [
    { kind: 'notarize', epoch, view, block },
    { kind: 'finalize', epoch, view, block },
  ];
}

/** How often a node found that a validator misbehaved. */
async function blamed(victim: NodeProcess): Promise<number> {
  return (await victim.client.status()).counters['blamed.misbehaved'] ?? 0;
}

async function late(deadline: number): Promise<false> {
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, deadline - performance.now())));
  return false;
}
