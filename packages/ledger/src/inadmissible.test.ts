import { expect, it } from 'vitest';
import { LedgerChain, transfer } from '../../../test/conformance/ledger-chain.ts';

const context = { now: 0, recheck: false };

it('says of a transaction whether any state could admit it, so that nobody is blamed for what became wrong', async () => {
  const chain = await LedgerChain.begin();
  await chain.add([transfer(0, 1, 5n, { nonce: 0 })]);
  const forged = Uint8Array.from(transfer(0, 1, 5n, { nonce: 1 }));
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
  for (const tx of [forged, Uint8Array.of(1, 2, 3)])
    expect(await chain.ledger.checkTx(tx, context)).toMatchObject({ kind: 'rejected', inadmissible: true });
  const stale = [transfer(0, 1, 5n, { nonce: 0 }), transfer(2, 0, 1n, { nonce: 10 ** 6 })];
  for (const tx of stale) {
    const admission = await chain.ledger.checkTx(tx, context);
    expect(admission.kind).toBe('rejected');
    expect('inadmissible' in admission && admission.inadmissible).toBeFalsy();
  }
});
