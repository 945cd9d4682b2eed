import type { Application } from '@quorate/kernel';
import { simulatedSuite } from '@quorate/sim';
import { expect, test } from 'vitest';
import { inTurn } from './application-turns.ts';
import { ChainFixture, ListApplication } from './chain.fixture.ts';

/** Records when calls begin and end, and lets the test decide when each ends. */
function slow(): { application: Application; seen: string[]; finish: () => Promise<void> } {
  const seen: string[] = [];
  const ends: (() => void)[] = [];
  const wait = (name: string): Promise<void> => {
    seen.push(`begin ${name}`);
    return new Promise((resolve) => {
      ends.push(() => {
        seen.push(`end ${name}`);
        resolve();
      });
    });
  };
  const base = new ListApplication(new ChainFixture(simulatedSuite()).updates);
  const application: Application = {
    capabilities: base.capabilities,
    info: () => wait('info').then(() => base.info()),
    initChain: () => base.initChain(),
    checkTx: () => wait('checkTx').then(() => base.checkTx()),
    prepareProposal: (context, candidates) => base.prepareProposal(context, candidates),
    processProposal: (block) => base.processProposal(block),
    finalizeBlock: (block) => base.finalizeBlock(block),
    commit: (block) => wait('commit').then(() => base.commit(block)),
    query: () => wait('query').then(() => Promise.reject(new Error('no such path'))),
    close: () => base.close(),
  };
  const finish = async (): Promise<void> => {
    ends.shift()?.();
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  return { application, seen, finish };
}

test('one call at a time; the chain goes before what clients ask, and a failed call stops nobody', async () => {
  const { application, seen, finish } = slow();
  const turns = inTurn(application, async () => {});
  const context = { now: 0, recheck: false };
  const calls = [
    turns.query({ path: '', data: new Uint8Array(), height: 0, prove: false }).catch((error: Error) => error.message),
    turns.checkTx(new Uint8Array(), context),
    turns.checkTx(new Uint8Array(), context),
    turns.info(),
  ];
  await Promise.resolve();
  for (let i = 0; i < 4; i++) await finish();
  expect(seen).toEqual(['query', 'info', 'checkTx', 'checkTx'].flatMap((name) => [`begin ${name}`, `end ${name}`]));
  expect(await calls[0]).toBe('no such path');
});

test('a queue of requests has an end', async () => {
  const { application, finish } = slow();
  const turns = inTurn(application, async () => {});
  const query = { path: '', data: new Uint8Array(), height: 0, prove: false };
  const calls = Array.from({ length: 16_386 }, () => turns.query(query).catch((error: unknown) => error));
  expect(await calls.at(-1)).toMatchObject({ code: 'rpc/unavailable' });
  await finish();
  expect(await calls[0]).toMatchObject({ message: 'no such path' });
});

test('many requests in a row, even one after the other, let the event loop turn', async () => {
  const { application } = slow();
  let pauses = 0;
  const quick: Application = { ...application, checkTx: async () => ({ kind: 'rejected', reason: 'no' }) };
  const turns = inTurn(quick, async () => {
    pauses++;
  });
  for (let i = 0; i < 1000; i++) await turns.checkTx(new Uint8Array(), { now: 0, recheck: false });
  expect(pauses).toBe(15);
});
