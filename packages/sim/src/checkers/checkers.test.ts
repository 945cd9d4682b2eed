import { sha256 } from '@quorate/crypto';
import { type Certificate, type Statement, signedBytes, toHex } from '@quorate/kernel';
import type { FinalizedBlock } from '@quorate/replica';
import { describe, expect, it } from 'vitest';
import { Accountability } from './accountability.ts';
import {
  blockOn,
  checkedSuite,
  finalization,
  genesis,
  nameOf,
  receipt,
  secrets,
  transaction,
} from './chain.fixture.ts';
import { Checkers } from './checkers.ts';
import { Membership } from './sets.ts';
import { Temperature } from './temperature.ts';

const MEMORY = { mempoolBytes: 1000, mempoolTransactions: 10, samples: 5, voters: 4, counters: 3 };

function checkers(): Checkers {
  const made = new Checkers();
  made.watchChain({ genesis, suite: checkedSuite, offeredOnly: true, memory: MEMORY });
  return made;
}

const idOf = (tx: Uint8Array): string => toHex(sha256(tx));
const TX = transaction('alice', 1);

/** What the checkers say after all these blocks. */
function saidOf(...blocks: readonly FinalizedBlock[]): string[] {
  const all = checkers();
  for (const nonce of [1, 2]) all.offer(idOf(transaction('alice', nonce)));
  for (const block of blocks) all.observe('n0', block);
  return [...all.violations];
}

describe('the checkers of the log', () => {
  const first = blockOn(null, [TX]);

  it('say nothing of a log that is right', () => {
    const second = blockOn(first, [transaction('alice', 2)]);
    expect(saidOf(first, second, blockOn(second))).toEqual([]);
  });

  it('agreement: two blocks of one height', () => {
    expect(saidOf(first, blockOn(null, [], { time: 5000 }))).toEqual([
      expect.stringMatching(/^agreement: block at height 1/),
    ]);
  });

  it.each<[string, Partial<FinalizedBlock['header']>, RegExp]>([
    ['a parent that is another', { parentDigest: 'ab'.repeat(32) }, /^validity: .* no child/],
    ['time that stands still', { time: 1001 }, /^validity: .* time stands still/],
    ['a view that falls', { view: 1 }, /^validity: .* view falls/],
    ['an epoch that is another', { epoch: 1 }, /^validity: .* epoch 1/],
  ])('validity: %s', (_name, change, expected) => {
    expect(saidOf(first, blockOn(first, [], change))).toContainEqual(expect.stringMatching(expected));
  });

  it('validity: a transaction that nobody offered', () => {
    expect(saidOf(blockOn(null, [transaction('mallory', 1)]))).toEqual([
      expect.stringMatching(/^validity: .* nobody offered/),
    ]);
  });

  it('double commit: a transaction that takes effect twice', () => {
    const said = saidOf(first, blockOn(first, [TX]));
    expect(said).toContainEqual(expect.stringMatching(/^double commit: .* heights 1 and 2/));
  });

  it('linearizability: a receipt that a sequential register does not give', () => {
    const wrong = { ...blockOn(null, [TX]), receipts: [receipt(1)] };
    expect(saidOf(wrong)).toEqual([expect.stringMatching(/^linearizability: .* code 1 .* not 0/)]);
  });

  it('agreement: another content under the digest of a final block', () => {
    const all = checkers();
    all.offer(idOf(TX));
    all.observe('n0', first);
    all.observe('n1', first);
    expect(all.violations).toEqual([]);
    all.observe('n1', { ...first, header: { ...first.header, time: first.header.time + 1 } });
    all.observe('n2', { ...first, body: { ...first.body, transactions: [transaction('other', 1)] } });
    expect(all.violations).toEqual([
      expect.stringMatching(/^agreement: n1 gives out something else/),
      expect.stringMatching(/^agreement: n2 gives out something else/),
    ]);
  });

  it('state: receipts and state roots that differ', () => {
    const all = checkers();
    all.offer(idOf(TX));
    all.observe('n0', first);
    all.observe('n1', { ...first, receipts: [{ ...receipt(0), log: 'other' }] });
    all.committed('n0', 1, 'aa');
    all.committed('n1', 1, 'bb');
    expect(all.violations).toEqual([
      expect.stringMatching(/^state: n1 has other receipts/),
      expect.stringMatching(/^state: state root at height 1/),
    ]);
  });

  it.each<[string, (certificate: Certificate) => Certificate, RegExp]>([
    ['too few signers', () => finalization(first.header, 2), /weigh 2 of 4/],
    ['a signature that is false', (real) => ({ ...real, signature: real.signature.with(3, 99) }), /do not verify/],
    ['a bit for nobody', (real) => ({ ...real, signers: Uint8Array.of(0b11111) }), /names signer 4 of 4/],
    ['a bitmap of another length', (real) => ({ ...real, signers: Uint8Array.of(7, 0) }), /another length/],
  ])('certificates: %s', (_name, spoil, expected) => {
    if (first.finality.grade !== 'final') throw new Error('not final');
    const certificate = spoil(first.finality.certificate);
    const said = saidOf({ ...first, finality: { ...first.finality, certificate } });
    expect(said).toEqual([expect.stringMatching(expected)]);
  });

  it('certificates: a proof whose headers do not lead to what was certified', () => {
    const all = checkers();
    const [second, third] = [blockOn(first), blockOn(blockOn(first))];
    const certificate = finalization(third.header);
    all.chain?.proof('n0', first.digest, { headers: [first.header, second.header, third.header], certificate });
    expect(all.violations).toEqual([]);
    all.chain?.proof('n0', first.digest, { headers: [first.header, third.header], certificate });
    all.chain?.proof('n0', first.digest, { headers: [first.header], certificate });
    all.chain?.proof('n0', second.digest, { headers: [first.header, second.header, third.header], certificate });
    expect(all.violations).toEqual([
      expect.stringMatching(/no child/),
      expect.stringMatching(/for block/),
      expect.stringMatching(/first header/),
    ]);
  });

  it('certificates: a set that follows from the log, not from the replica', () => {
    const all = checkers();
    const [gone] = genesis.validators.members;
    if (gone === undefined) throw new Error('nobody');
    const set = all.chain?.setOf(0)?.after([{ ...gone, weight: 0 }]);
    expect([set?.total, set?.equals(genesis.validators.members)]).toEqual([3, false]);
  });
});

describe('the checkers of what clients are told', () => {
  const first = blockOn(null, [TX]);
  const told = (height: number, index: number, code: number) => {
    return { kind: 'final', height, index, receipt: receipt(code) } as const;
  };

  it.each<[string, ReturnType<typeof told>, RegExp]>([
    ['another height', told(2, 0, 0), /^linearizability: .* told of .* at 2\/0/],
    ['another place', told(1, 1, 0), /^linearizability: .* at 1\/1/],
    ['another result', told(1, 0, 1), /^linearizability: .* code 1/],
  ])('linearizability: %s', (_name, status, expected) => {
    const all = checkers();
    all.offer(idOf(TX));
    all.observe('n0', first);
    all.observe('n0', blockOn(first));
    all.settled('n0', idOf(TX), status);
    all.checkTold();
    expect(all.violations).toContainEqual(expect.stringMatching(expected));
  });

  it('linearizability: a value that nobody wrote, and one that came too early', () => {
    const all = checkers();
    all.offer(idOf(TX));
    all.observe('n0', first);
    all.read('n0', 'alice', 1, 'alice 1');
    all.checkTold();
    expect(all.violations).toEqual([]);
    all.read('n0', 'alice', 1, '');
    all.read('n0', 'alice', 0, 'alice 1');
    all.checkTold();
    expect(all.violations).toHaveLength(2);
  });

  it('linearizability: a transaction that comes before what its client knew', () => {
    const all = checkers();
    all.offer(idOf(TX));
    all.observe('n0', first);
    const other = transaction('bob', 1);
    all.settled('n0', idOf(TX), told(1, 0, 0));
    all.offer(idOf(other));
    all.observe('n0', blockOn(first, [other]));
    all.checkTold();
    expect(all.violations).toEqual([]);
    const late = checkers();
    late.settled('n0', idOf(TX), told(1, 0, 0));
    late.offer(idOf(TX));
    late.observe('n0', first);
    late.checkTold();
    expect(late.violations).toEqual([expect.stringMatching(/^linearizability: .* offered after height 1/)]);
  });

  it('durability: what was final and is not there', () => {
    const all = checkers();
    all.observe('n0', blockOn(null));
    all.settled('n0', idOf(TX), told(1, 0, 0));
    all.checkTold();
    all.checkAcknowledged('n1', 1, () => null);
    expect(all.violations).toEqual([
      expect.stringMatching(/^durability: .* nowhere/),
      expect.stringMatching(/^durability: .* has it at null/),
    ]);
    const forgotten = checkers();
    forgotten.acknowledge('n0', 'aa', 5);
    forgotten.checkAcknowledged('n1', 9, () => null, 6);
    expect(forgotten.violations).toEqual([]); // its body was pruned
  });

  it('durability: a replica that comes back with less than it gave out', () => {
    const all = checkers();
    all.observe('n0', blockOn(null));
    all.restarted('n0', 1);
    expect(all.violations).toEqual([]);
    all.restarted('n0', 0);
    expect(all.violations).toEqual([expect.stringMatching(/^durability: n0 gave out height 1/)]);
    const lost = checkers();
    lost.observe('n0', blockOn(null));
    lost.forget('n0');
    lost.restarted('n0', 0);
    expect(lost.violations).toEqual([]);
  });
});

describe('the checkers of keys', () => {
  const key = Uint8Array.of(1);
  const votes: Record<string, Statement> = {
    a: { kind: 'notarize', epoch: 0, view: 1, block: 'aa' },
    b: { kind: 'notarize', epoch: 0, view: 1, block: 'bb' },
    no: { kind: 'nullify', epoch: 0, view: 1 },
    final: { kind: 'finalize', epoch: 0, view: 1, block: 'aa' },
    later: { kind: 'finalize', epoch: 0, view: 2, block: 'bb' },
  };
  it.each([
    ['a', 'b', 1],
    ['no', 'final', 1],
    ['final', 'no', 1],
    ['a', 'no', 0],
    ['a', 'a', 0],
    ['final', 'later', 0],
  ])('equivocation: %s and then %s, across lives: %i', (one, other, count) => {
    const all = new Checkers();
    for (const name of [one, other]) {
      const statement = votes[name];
      if (statement !== undefined) all.released('n0', key, statement);
    }
    expect(all.violations.filter((violation) => violation.startsWith('equivocation'))).toHaveLength(count);
  });

  it('equivocation: an engine that asks for what its gate refuses, unless it lost its disk', () => {
    const all = checkers();
    const { no, final } = votes;
    if (no === undefined || final === undefined) throw new Error('no votes');
    all.asked('n0', no);
    all.forget('n0');
    all.asked('n0', final);
    expect(all.violations).toEqual([]);
    all.asked('n0', no);
    expect(all.violations).toEqual([expect.stringMatching(/^equivocation: n0 asks for .*nullify/)]);
  });

  const accountability = (): Accountability => {
    const set = new Membership(genesis.validators.members);
    return new Accountability({ chainId: genesis.chainId, suite: checkedSuite, setOf: () => set });
  };
  const say = (to: Accountability, node: number, statement: Statement, signature?: Uint8Array): void => {
    const secret = secrets[node];
    const signer = secret === undefined ? null : genesis.validators.indexOfKey(secret.publicKey);
    if (secret === undefined || signer === null) throw new Error('nobody');
    const real = signature ?? secret.sign(signedBytes(genesis.chainId, statement));
    to.hear({ kind: 'vote', vote: { statement, signer, signature: real } });
  };
  const block = (byte: string): string => byte.repeat(32);
  const notarize = (of: string): Statement => ({ kind: 'notarize', epoch: 0, view: 1, block: block(of) });
  const keyOf = (node: number): string => toHex(secrets[node]?.publicKey ?? key);

  it('accountability: a fork that convicts too little, enough, or somebody honest', () => {
    const all = accountability();
    say(all, 0, notarize('aa'));
    say(all, 0, notarize('bb'));
    expect(all.fault(0, new Set())).toMatch(/weigh 1 of 4/);
    say(all, 1, { kind: 'nullify', epoch: 0, view: 1 });
    say(all, 1, { kind: 'finalize', epoch: 0, view: 1, block: block('aa') });
    expect(all.fault(0, new Set([keyOf(2)]))).toBeNull();
    expect(all.fault(0, new Set([keyOf(1)]))).toMatch(/is honest/);
  });

  it('accountability: evidence against somebody honest', () => {
    const all = checkers();
    all.accused('n0', 'aa', new Set(['aa']));
    all.accused('n0', 'bb', new Set(['aa']));
    expect(all.violations).toEqual(['accountability: n0 has evidence against bb, who is honest']);
  });

  it('accountability: signatures that are false convict nobody, those inside certificates do', () => {
    const all = accountability();
    say(all, 0, notarize('aa'));
    say(all, 0, notarize('bb'), new Uint8Array(16));
    expect(all.guilty.size).toBe(0);
    const headers = [blockOn(null).header, blockOn(null, [], { time: 9999 }).header];
    for (const header of headers) all.hear({ kind: 'certificate', certificate: finalization(header) });
    expect(headers.map(nameOf)[0]).not.toBe(headers.map(nameOf)[1]);
    expect(all.guilty.size).toBe(3);
  });
});

describe('the checkers of resources and of progress', () => {
  it('memory: queues past their bounds, told once', () => {
    const all = checkers();
    const status = {
      mempool: { transactions: 11, bytes: 1001 },
      samples: { fsync: [1, 2, 3, 4, 5, 6] },
      counters: { a: 1, b: 1, c: 1, d: 1 },
    };
    for (let i = 0; i < 2; i++) all.memory?.measure('n0', status);
    expect(all.violations.map((violation) => violation.split(': ')[0])).toEqual([
      'memory',
      'memory',
      'memory',
      'memory',
    ]);
    all.memory?.measure('n1', { mempool: { transactions: 10, bytes: 1000 }, samples: {}, counters: {} });
    expect(all.violations).toHaveLength(4);
  });

  it('memory: an engine that holds what it should have let go', () => {
    const all = checkers();
    const idle = { mempool: { transactions: 0, bytes: 0 }, samples: {}, counters: {} };
    const held = { rounds: 72, votesAhead: 64, blocks: 8192, fetches: 1024, requests: 200, stale: 0 };
    const engine = {
      ...{ epoch: 0, view: 10, leader: 0, finalizedHeight: 4, finalizedView: 5, viewsSinceFinalized: 4 },
      ...{ nullifiedViews: 0, dropped: {}, refusals: [], silent: [] },
    };
    const measure = (change: Partial<typeof held>): void =>
      all.memory?.measure('n0', { ...idle, engine: { ...engine, held: { ...held, ...change } } as typeof engine });
    measure({});
    expect(all.violations).toEqual([]);
    for (const name of ['rounds', 'votesAhead', 'blocks', 'fetches', 'requests', 'stale'] as const) {
      measure({ [name]: name === 'requests' ? 10_000 : held[name] + 1 });
    }
    expect(all.violations.map((violation) => /^memory: n0 has \d+ (.*), at most/.exec(violation)?.[1])).toEqual([
      'rounds',
      'views between its own and the farthest vote',
      'blocks above the floor',
      'blocks asked for',
      'requests in flight',
      'rounds, fetches and requests below the floor',
    ]);
  });

  it('halt: a replica that stopped for no reason', () => {
    const all = checkers();
    all.stopped('n0', 'replica/failed: it broke');
    expect(all.violations).toEqual(['halt: n0: replica/failed: it broke']);
  });

  it('temperature: views that pass and decide nothing', () => {
    const temperature = new Temperature(5);
    expect([1, 2, 3, 4, 5, 6].map((views) => temperature.measure(7, views))).toEqual([
      null,
      null,
      null,
      null,
      null,
      null,
    ]);
    expect(temperature.measure(7, 7)).toBe(6);
    expect(temperature.measure(8, 8)).toBeNull(); // a block became final: it cools down
    expect(temperature.highest).toBe(6);
  });
});
