import { type Genesis, genesisDigest, ValidatorSet } from '@quorate/kernel';
import { expect, it } from 'vitest';
import {
  addresses,
  at,
  hash,
  LedgerChain,
  misbehaviorOf,
  sign,
  suite,
  transfer,
  users,
  genesis as view,
  voters,
} from '../../../test/conformance/ledger-chain.ts';
import { MemoryStore } from '../../../test/conformance/memory-store.mjs';
import { formatAddress } from './address.ts';
import { compareStates, type StateComparison } from './comparison.ts';

const genesis: Genesis = {
  chainId: view.chainId,
  time: view.time,
  suite: suite.name,
  consensus: view.consensus,
  validators: new ValidatorSet(view.validators),
  application: 'ledger',
  appState: view.appState,
};
const digest = genesisDigest(hash, genesis);

interface Built {
  readonly store: MemoryStore;
  readonly blocks: readonly (readonly Uint8Array[])[];
}

/** A ledger that executed these blocks; evidence against a voter in the last one when asked for. */
async function built(blocks: readonly (readonly Uint8Array[])[], punished = false): Promise<Built> {
  const store = new MemoryStore();
  const chain = await LedgerChain.begin(store, { checkpointInterval: 3 }, { ...view, digest });
  for (const [index, transactions] of blocks.entries()) {
    const evidence = punished && index === blocks.length - 1 ? [misbehaviorOf(at(voters, 1))] : [];
    const parent = index === 0 ? { epoch: 0, view: 0, digest } : chain.head;
    await chain.add(transactions, { parent, evidence });
  }
  await chain.ledger.close();
  return { store, blocks };
}

function compare(mine: Built, theirs: Built, limit = 100, named = true): StateComparison {
  const bodies = [mine, theirs].flatMap(({ blocks }) =>
    blocks.map((transactions) => ({ transactions, evidence: [misbehaviorOf(at(voters, 1)).evidence] })),
  );
  return compareStates(
    { genesis, limit },
    {
      mine: { ...mine, name: 'mine' },
      theirs: { ...theirs, name: 'theirs' },
      hash,
      bodies: () => (named ? bodies : []),
    },
  );
}

const kinds = ({ differences }: StateComparison) => differences.map(({ subject }) => subject.kind).sort();
const pay = (amount: bigint) => transfer(0, 1, amount, { nonce: 0 });

it('names accounts, namespaces, stakes, returns and offences, with what both sides hold', async () => {
  const record = sign(at(users, 2), { kind: 'record', namespace: 'notes', data: Uint8Array.of(1) }, { nonce: 0 });
  const unbond = (amount: bigint): Uint8Array =>
    sign(at(users, 1), { kind: 'unbond', publicKey: at(voters, 1).publicKey, amount }, { nonce: 0 });
  const mine = await built([[pay(5n)], [record], [unbond(1_000_000n)]]);
  const theirs = await built([[pay(5n)], [], [unbond(2_000_000n)]], true);
  const found = compare(mine, theirs);
  expect(found).toMatchObject({ height: 3, complete: true });
  // The record's fee and payer; the stake, the supply and the delay of what was unbonded; what punishing the voter left behind.
  expect(kinds(found)).toEqual(
    expect.arrayContaining(['account', 'namespace', 'offence', 'stake', 'supply', 'unbonding']),
  );
  expect(kinds(found)).not.toContain('unknown');
  const of = (kind: string) => found.differences.find(({ subject }) => subject.kind === kind);
  expect(of('namespace')).toMatchObject({ subject: { name: 'notes' }, mine: { count: 1 }, theirs: null });
  expect(of('unbonding')).toMatchObject({ subject: { name: '8' }, mine: [{ amount: '1000000' }] });
  expect(of('stake')).toMatchObject({
    mine: { owner: formatAddress(hash, at(addresses, 1)), amount: '4000000', jailed: false },
    theirs: { jailed: true },
  });
  expect(found.differences.map(({ key }) => key)).toEqual(found.differences.map(({ key }) => key).sort());
});

it('counts up to the limit and says that there are more', async () => {
  const [mine, theirs] = [await built([[pay(5n)]]), await built([[pay(7n)]])];
  expect(compare(mine, theirs)).toMatchObject({ complete: true, differences: [{}, {}] });
  expect(compare(mine, theirs, 2)).toMatchObject({ complete: true, differences: [{}, {}] });
  expect(compare(mine, theirs, 1)).toMatchObject({ complete: false, differences: [{}] });
  expect(compare(mine, mine)).toMatchObject({ complete: true, differences: [] });
});

it('compares at the height of the shorter one, and refuses when the other does not have it any more', async () => {
  const blocks = [[pay(5n)], [transfer(2, 1, 1n, { nonce: 0 })]];
  const short = await built(blocks);
  const longer = await built([...blocks, [transfer(3, 1, 1n, { nonce: 0 })]]);
  expect(compare(short, longer)).toMatchObject({ height: 2, differences: [] });
  const far = await built([...blocks, ...Array.from({ length: 150 }, (_, i) => [transfer(3, 1, 1n, { nonce: i })])]);
  expect(() => compare(short, far)).toThrow(
    expect.objectContaining({
      code: 'config/invalid',
      message: expect.stringMatching(/after height 2 .*mine has those of heights 0 to 2 and theirs .* to 152/),
    }),
  );
});

it('refuses a store without a state, and the state of another chain', async () => {
  const mine = await built([[pay(5n)]]);
  expect(() => compare(mine, { store: new MemoryStore(), blocks: [] })).toThrow(
    expect.objectContaining({ code: 'config/invalid', message: 'theirs has no state of the ledger' }),
  );
  const other = new MemoryStore();
  await LedgerChain.begin(other, {}, { ...view, digest: '22'.repeat(32) });
  expect(() => compare(mine, { store: other, blocks: [] })).toThrow(
    expect.objectContaining({ code: 'genesis/mismatch', message: expect.stringMatching(/^theirs /) }),
  );
});
