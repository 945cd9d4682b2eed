import { sha256 } from '@quorate/crypto';
import { createApplication } from '../examples/counter/counter.mjs';
import { describeApplication } from './conformance/application.ts';
import { genesis, openLedger, transfer } from './conformance/ledger-chain.ts';

const utf8 = new TextEncoder();

describeApplication('counter', () => ({
  genesis: { ...genesis, validators: [], appState: utf8.encode('{}') },
  open: async (store) => createApplication({ store, hash: sha256 }),
  transaction: (i) => utf8.encode(`add ${i + 1}`),
  invalid: utf8.encode('add 0'),
}));

describeApplication('ledger', () => ({
  genesis,
  open: (store) => openLedger(store, { checkpointInterval: 3, keepVersions: 8 }),
  transaction: (i) => transfer(i % 2, 2 + (i % 3), 1000n + BigInt(i), { nonce: Math.floor(i / 2) }),
  invalid: transfer(0, 1, 1n, { nonce: 0, chainId: 'another-chain' }),
}));
