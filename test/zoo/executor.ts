// biome-ignore-all lint/suspicious/noTemplateCurlyInString: patches are source text
import { BAD_DISKS, hostile, type Mutant, ROUGH } from './mutant.ts';

const COMMITTING = 'packages/replica/src/committing.ts';

export const executor: readonly Mutant[] = [
  {
    id: 'executor/roots-copied',
    family: 'executor and mempool',
    rule: 'Execution',
    what: 'a leader copies the roots of its parent into a block that is not empty, and voters take it',
    file: 'packages/replica/src/judgement.ts',
    find: 'fields = { executedHeight: header.height, stateRoot, receiptsRoot, nextValidatorsRoot: null };',
    replace:
      'fields = { executedHeight: header.height, stateRoot: header.stateRoot, receiptsRoot, nextValidatorsRoot: null };',
    and: [
      {
        file: 'packages/replica/src/judgement.ts',
        find: 'if (staleRoots(block.header, executed.record)) {',
        replace: 'if (staleRoots(executed.record, executed.record)) {',
      },
    ],
    under: ROUGH,
  },
  {
    id: 'executor/proposals-not-judged',
    family: 'executor and mempool',
    rule: 'S3',
    what: 'a voter does not compare the roots of a proposal with its own execution',
    file: 'packages/replica/src/judgement.ts',
    find: 'if (staleRoots(block.header, executed.record)) {',
    replace: 'if (staleRoots(executed.record, executed.record)) {',
    under: hostile('invalid'),
  },
  {
    id: 'executor/final-bodies-dropped',
    family: 'executor and mempool',
    rule: 'Block store',
    what: 'with the candidates that lost the body of the one that won is removed',
    file: 'packages/replica/src/block-store.ts',
    find: '      if (final.has(digest)) continue;\n',
    replace: '      if (final.has(digest) && final.size === 1) continue;\n',
    under: ROUGH,
  },
  {
    id: 'executor/committed-before-recorded',
    family: 'executor and mempool',
    rule: 'Execution: the application never runs ahead of the record',
    what: 'the application commits a height before its outcome is on record: a crash between the two loses the receipts',
    file: COMMITTING,
    find: '    await calls.guard(`the outcomes of height ${height}`, () =>\n      store.recordExecution(height, result.record, { transactions, receipts, events }, nextSet, this.#keep(height)),\n    );\n    this.#retainHeight = await calls.commit(block.ref, height);',
    replace:
      '    this.#retainHeight = await calls.commit(block.ref, height);\n    await calls.guard(`the outcomes of height ${height}`, () =>\n      store.recordExecution(height, result.record, { transactions, receipts, events }, nextSet, this.#keep(height)),\n    );',
    under: BAD_DISKS,
    unproven: true,
  },
  {
    id: 'executor/place-of-another',
    family: 'executor and mempool',
    rule: 'Acknowledged means durable',
    what: 'a client is told the first place of a block for every transaction in it',
    file: 'packages/replica/src/transactions.ts',
    find: "this.#answer(id, { kind: 'final', height, index, receipt });",
    replace: "this.#answer(id, { kind: 'final', height, index: 0, receipt });",
    under: ROUGH,
  },
  {
    id: 'executor/told-one-height-early',
    family: 'executor and mempool',
    rule: 'Acknowledged means durable',
    what: 'a client is told the height before the one that its transaction is in',
    file: 'packages/replica/src/transactions.ts',
    find: '      this.#ended.delete(id);\n      this.#answer(id,',
    replace: '      this.#ended.delete(id);\n      height -= index === 0 ? 1 : 0;\n      this.#answer(id,',
    under: ROUGH,
  },
];
