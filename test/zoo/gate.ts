// biome-ignore-all lint/suspicious/noTemplateCurlyInString: patches are source text
import { LOST_HOMES, type Mutant, type Patch, WITHOUT_GATE } from './mutant.ts';

const MARKS = 'packages/crypto/src/gate/marks.ts';
const STATE = 'packages/crypto/src/gate/state.ts';

/** The engine learns nothing from the gate: only the journal tells it what it voted. */
const WITHOUT_RECALL: Patch = {
  file: 'packages/replica/src/current-epoch.ts',
  find: 'loop.run(epoch, engine, [...restored, ...statements.map((one) => mechanism.votedRecord(one))]);',
  replace: 'loop.run(epoch, engine, restored.slice(0, restored.length + 0 * statements.length));',
};

/** Replays of the gate's own log take whatever stands there. */
const UNJUDGED_LOG: Patch = {
  file: STATE,
  find: "if (marks.judge(record.statement).kind !== 'new') return corrupt('it holds a signature that was never allowed');",
  replace: '',
};

export const gate: readonly Mutant[] = [
  {
    id: 'gate/bypassed',
    family: 'gate',
    rule: 'Signing gate',
    what: 'votes are signed with the bare key: nothing remembers them when the journal is lost',
    file: 'packages/crypto/src/gate/gate.ts',
    find: 'const judgement = this.#closedFor(statement) ?? this.#marks.judge(statement);',
    replace:
      "const judgement = this.#closedFor(statement) ?? ({ kind: 'new' } as ReturnType<HighWaterMarks['judge']>);",
    and: WITHOUT_GATE.slice(1),
    under: LOST_HOMES,
  },
  {
    id: 'gate/forgets-at-restart',
    family: 'gate',
    rule: 'Signing gate',
    what: 'the signatures in the log of the gate are not read back at a start',
    file: STATE,
    find: '        marks.record(record.statement, record.signature);\n',
    replace: '',
    and: [UNJUDGED_LOG],
    under: LOST_HOMES,
  },
  {
    id: 'gate/floor-lost',
    family: 'gate',
    rule: 'Signing gate: the floor',
    what: 'the floor of the gate is not read back at a start, and what lies below it is forgotten',
    file: STATE,
    find: '        marks.raise(record.epoch, record.view);\n',
    replace: '        for (let view = 1; view <= record.view; view++) marks.forget(record.epoch, view);\n',
    and: [
      {
        file: MARKS,
        find: '  /** Records a statement that {@link judge} called new. */',
        replace:
          '  forget(epoch: Epoch, view: View): void {\n    this.#epochs.get(epoch)?.views.delete(view);\n  }\n\n  /** Records a statement that {@link judge} called new. */',
      },
      UNJUDGED_LOG,
    ],
    under: LOST_HOMES,
  },
  {
    id: 'gate/second-block',
    family: 'gate',
    rule: 'S10',
    what: 'the gate signs a second block of a kind and view, and the engine does not ask it what it signed',
    file: MARKS,
    find: "return refuse('conflict', `another ${kind} was signed in view ${view} of epoch ${epoch}`); // S10",
    replace: "return { kind: 'new' };",
    and: [WITHOUT_RECALL, UNJUDGED_LOG],
    under: LOST_HOMES,
    unproven: true,
  },
  {
    id: 'gate/nullify-beside-finalize',
    family: 'gate',
    rule: 'S10',
    what: 'the gate does not compare Nullify with Finalize, and the engine does not ask it what it signed',
    file: MARKS,
    find: "const rival = kind === 'nullify' ? known?.finalize : kind === 'finalize' ? known?.nullify : undefined;",
    replace: 'const rival = undefined as Signed | undefined;',
    and: [WITHOUT_RECALL, UNJUDGED_LOG],
    under: LOST_HOMES,
  },
  {
    id: 'gate/not-synced',
    family: 'gate',
    rule: 'Signing gate: durable first',
    what: 'the gate answers before its record is synced, and the journal is lost with the same power cut',
    file: 'packages/crypto/src/gate/gate.ts',
    find: 'await this.#file.append([frames([...floors, ...records])]);\n    await this.#file.sync();',
    replace: 'await this.#file.append([frames([...floors, ...records])]);',
    under: LOST_HOMES,
  },
  {
    id: 'gate/one-epoch-remembered',
    family: 'gate',
    rule: 'Signing gate: two epochs',
    what: 'with a new epoch the gate forgets the one before, and signs in it again',
    file: MARKS,
    find: 'if (epoch < this.lowestEpoch) {',
    replace: 'if (epoch < 0) {',
    and: [UNJUDGED_LOG],
    under: LOST_HOMES,
    unproven: true,
  },
];
