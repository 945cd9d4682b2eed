import { JOINING, type Mutant } from './mutant.ts';

const SYNC = 'packages/replica/src/state-sync.ts';
const PROOFS = 'packages/replica/src/state-sync-proofs.ts';

export const stateSync: readonly Mutant[] = [
  {
    id: 'state-sync/staged-set-lost',
    family: 'state sync',
    rule: 'S11',
    what: 'who joins does not keep the validator set that is staged at its floor',
    file: 'packages/replica/src/store-beginning.ts',
    find: '...firstRecords(floor),',
    replace: '...firstRecords(floor).slice(0, -1),',
    under: JOINING,
  },
  {
    id: 'state-sync/staged-set-of-the-epoch',
    family: 'state sync',
    rule: 'S11',
    what: 'who joins takes the set of the running epoch for the one that is staged, and is sure of it',
    file: PROOFS,
    find: 'const staged = { set: answer.staged, provisional: !certified };',
    replace:
      'const staged = { set: this.#hops[this.#hops.length - 1]?.trust.validators ?? answer.staged, provisional: false && certified };',
    under: JOINING,
  },
  {
    id: 'state-sync/staged-one-too-early',
    family: 'state sync',
    rule: 'S11',
    what: 'the staged set of the height before is served with a snapshot, and believed',
    file: 'packages/replica/src/state-sync-serving.ts',
    find: 'const staged = store.staged(height);',
    replace: 'const staged = store.staged(height - 1);',
    and: [
      {
        file: PROOFS,
        find: 'const staged = { set: answer.staged, provisional: !certified };',
        replace: 'const staged = { set: answer.staged, provisional: certified && false };',
      },
    ],
    under: JOINING,
  },
  {
    id: 'state-sync/chunks-believed',
    family: 'state sync',
    rule: 'State sync',
    what: 'the state of a snapshot is not compared with the certified root, nor by the application',
    file: SYNC,
    find: 'info.stateRoot === stateRoot &&',
    replace: 'info.stateRoot.length === stateRoot.length &&',
    and: [
      {
        file: 'packages/sim/src/register.ts',
        find: 'if (read === null || rootOf(read) !== stateRoot) {',
        replace: 'if (read === null) {',
      },
    ],
    under: {
      validators: 4,
      families: ['byzantine', 'state-sync', 'delay'],
      byzantine: { count: 1, strategy: 'fake-sync' },
    },
    measured: { caught: 7, seeds: 76 },
  },
  {
    id: 'state-sync/root-one-late',
    family: 'state sync',
    rule: 'State sync',
    what: 'the root after the next height is served as the root of a snapshot, and nobody looks',
    file: 'packages/replica/src/state-sync-serving.ts',
    find: 'if (executed === undefined || executed > height) return null;\n    if (executed === height) return store.finalityProof(at);',
    replace:
      'if (executed === undefined || executed > height + 1) return null;\n    if (executed === height + 1) return store.finalityProof(at);',
    and: [
      {
        file: SYNC,
        find: 'info.stateRoot === stateRoot &&',
        replace: 'info.stateRoot.length === stateRoot.length &&',
      },
      {
        file: PROOFS,
        find: 'if (root.header.executedHeight !== height || root.header.height <= height) {',
        replace: 'if (root.header.height <= height) {',
      },
    ],
    under: JOINING,
  },
  {
    id: 'state-sync/floor-executed-again',
    family: 'state sync',
    rule: 'State sync',
    what: 'the executor begins below the floor that was restored',
    file: 'packages/replica/src/executor-start.ts',
    find: 'return { height: info.height, ahead: null, oldestSnapshot };',
    replace:
      'return { height: store.kept.headersFrom > 0 ? info.height - 1 : info.height, ahead: null, oldestSnapshot };',
    under: JOINING,
  },
  {
    id: 'state-sync/pruned-below-the-window',
    family: 'state sync',
    rule: 'Retention',
    what: 'bodies are pruned that a snapshot needs to go on from',
    file: 'packages/replica/src/committing.ts',
    find: 'bodies: Math.max(0, Math.min(wanted, this.#retainHeight, snapshot + 1)),',
    replace: 'bodies: Math.max(0, height - 1 + 0 * Math.min(wanted, snapshot)),',
    under: JOINING,
    unproven: true,
  },
  {
    id: 'state-sync/root-of-the-floor-header',
    family: 'state sync',
    rule: 'State sync: a header carries the root before it',
    what: 'the root in the header of the floor is kept as the root after it',
    file: SYNC,
    find: 'const execution = { digest: floor.ref.digest, stateRoot, receiptsRoot, validatorUpdates: [] };',
    replace:
      'const before = stateRoot === "" ? stateRoot : floor.header.stateRoot;\n  const execution = { digest: floor.ref.digest, stateRoot: before, receiptsRoot, validatorUpdates: [] };',
    under: JOINING,
  },
];
