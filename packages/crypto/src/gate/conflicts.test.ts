import { conflictOf, type Statement, type StatementKind, toHex } from '@quorate/kernel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { A, B, type Fault, freshDisk, open, statement, type Tear, TestDisk } from './gate.fixture.ts';

describe('whatever happens', () => {
  const anyStatement = fc
    .record({
      kind: fc.constantFrom<StatementKind>('notarize', 'nullify', 'finalize'),
      epoch: fc.integer({ min: 0, max: 3 }),
      view: fc.integer({ min: 1, max: 4 }),
      block: fc.constantFrom(A, B),
    })
    .map(({ kind, epoch, view, block }) => statement(kind, epoch, view, block));
  const anyTear: fc.Arbitrary<Tear> = fc.oneof(
    fc.constantFrom<Tear>('lose', 'keep'),
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
  );
  const action = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('sign' as const),
        batch: fc.array(anyStatement, { maxLength: 6 }),
        fault: fc.constantFrom<Fault>(null, null, null, 'append', 'half-append', 'sync'),
        tear: anyTear,
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('floor' as const),
        epoch: fc.integer({ min: 0, max: 3 }),
        view: fc.integer({ min: 1, max: 4 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('crash' as const), tear: anyTear }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('move' as const) }) },
  );

  const conflicts = (a: Statement, b: Statement): boolean => {
    const vote = (said: Statement) => ({ statement: said, signer: 0, signature: new Uint8Array(0) });
    return conflictOf(vote(a), vote(b)) !== null;
  };

  it('no two signatures that were ever returned conflict, and what is harmless is signed', async () => {
    let returnedInAll = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 25 }), async (actions) => {
        let disk = await freshDisk();
        let gate = await open(disk);
        const returned = new Map<string, { said: Statement; signature: string }>();
        const attempted: Statement[] = [];
        const raised: { epoch: number; view: number }[] = [];
        let floors: { epoch: number; view: number }[] = [];
        const reopen = async (): Promise<void> => {
          gate = await open(disk);
          floors = [];
        };
        for (const step of actions) {
          if (step.kind === 'floor') {
            await gate.raiseFloor(step.epoch, step.view);
            floors.push(step);
            raised.push(step);
          } else if (step.kind === 'crash') {
            disk.cutPower(step.tear);
            await reopen();
          } else if (step.kind === 'move') {
            const exported = await gate.export();
            disk = new TestDisk();
            gate = await open(disk);
            await gate.import(exported);
          } else {
            disk.fault = step.fault;
            const outcomes = await gate.sign(step.batch).catch(() => null);
            if (outcomes === null) {
              attempted.push(...step.batch);
              disk.cutPower(step.tear);
              await reopen();
              continue;
            }
            disk.fault = null;
            for (const outcome of outcomes) {
              const said = outcome.statement;
              const newest = Math.max(0, ...[...attempted, ...raised, ...step.batch].map(({ epoch }) => epoch));
              const harmless =
                !attempted.some((other) => conflicts(other, said)) &&
                said.epoch >= newest - 1 &&
                !raised.some(({ epoch, view }) => epoch === said.epoch && view >= said.view);
              if (outcome.kind === 'refused') {
                expect(harmless && !step.batch.some((other) => conflicts(other, said))).toBe(false);
                continue;
              }
              returnedInAll++;
              expect(floors.some(({ epoch, view }) => epoch === said.epoch && view >= said.view)).toBe(false);
              for (const earlier of returned.values()) expect(conflicts(earlier.said, said)).toBe(false);
              const name = JSON.stringify(said);
              const signature = toHex(outcome.signature);
              expect(returned.get(name)?.signature ?? signature).toBe(signature);
              returned.set(name, { said, signature });
            }
            attempted.push(...step.batch);
          }
        }
      }),
      { numRuns: 400, seed: 20 },
    );
    expect(returnedInAll).toBeGreaterThan(500);
  });
});
