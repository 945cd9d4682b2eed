import { type Mutant, type Patch, ROUGH, WITHOUT_GATE } from './mutant.ts';

const NOTARIZE = 'packages/simplex/src/notarize.ts';
const JUSTIFICATION = 'packages/simplex/src/justification.ts';

/** Proposals are believed to be justified. */
const JUSTIFIED: Patch = {
  file: NOTARIZE,
  find: 'const misfit = !justifies(state, header, proposal.justification);',
  replace: 'const misfit = false;',
};

export const parents: readonly Mutant[] = [
  {
    id: 'parents/gaps-not-nullified',
    family: 'parents',
    rule: 'S2',
    what: 'leaders build across views that nobody nullified, and voters let them',
    file: JUSTIFICATION,
    find: "if (skipped === null) return { kind: 'missing', view: at };\n    nullifications.unshift(skipped);",
    replace: 'if (skipped !== null) nullifications.unshift(skipped);',
    and: [
      JUSTIFIED,
      { file: NOTARIZE, find: "if (!skippedAreNullified(state, parentView, header.view)) return 'wait';", replace: '' },
    ],
    under: ROUGH,
    unproven: true,
  },
  {
    id: 'parents/ancestors-left-behind',
    family: 'parents',
    rule: 'S8',
    what: 'a Finalization makes only its own block final, not the ancestors',
    file: 'packages/simplex/src/finalize.ts',
    find: 'apply(state, certificate, state.tree.path(digest));',
    replace: 'apply(state, certificate, state.tree.path(digest).slice(-1));',
    under: ROUGH,
  },
  {
    id: 'parents/children-first',
    family: 'parents',
    rule: 'S8',
    what: 'ancestors become final in the wrong order',
    file: 'packages/simplex/src/tree.ts',
    find: '      blocks.push(node.block);\n      at = node.block.header.parentDigest;\n    }\n    return blocks.reverse();',
    replace: '      blocks.push(node.block);\n      at = node.block.header.parentDigest;\n    }\n    return blocks;',
    under: ROUGH,
  },
  {
    id: 'parents/unrooted-counts-as-rooted',
    family: 'parents',
    rule: 'S2, S3',
    what: 'a block is taken for connected when its parent is known, whether or not the parent is here with its body',
    file: 'packages/simplex/src/tree.ts',
    find: 'return this.isRooted(block.header.parentDigest);',
    replace: 'return this.isRooted(block.header.parentDigest) || this.#nodes.has(block.header.parentDigest);',
    under: ROUGH,
  },
  {
    id: 'parents/floor-keeps-children',
    family: 'parents',
    rule: 'S8',
    what: 'blocks beside the new floor stay connected, so that the chain may go on from them',
    file: 'packages/simplex/src/tree.ts',
    find: 'if (node.block.ref.view > floor.view) node.rooted = false;\n      else this.#nodes.delete(digest);',
    replace: 'if (node.block.ref.view > floor.view) node.rooted = true;\n      else this.#nodes.delete(digest);',
    under: ROUGH,
  },
  {
    id: 'parents/second-proposal-after-restart',
    family: 'parents',
    rule: 'S2: at most one proposal per view, for ever',
    what: 'a leader that restarts in its own view proposes anew',
    file: 'packages/simplex/src/restore.ts',
    find: "        round.notarized = statement.block;\n        round.building = 'over'; // S2: the same P or nothing",
    replace: '        round.notarized = state.leads(statement.view) ? null : statement.block;',
    and: WITHOUT_GATE,
    under: ROUGH,
  },
  {
    id: 'parents/floor-of-the-epoch-before',
    family: 'parents',
    rule: 'S11: the floor of an epoch is its view 0',
    what: 'the first block of an epoch names the view that its parent had in the epoch before',
    file: 'packages/replica/src/proposal-header.ts',
    find: 'parentView: parent.ref.epoch === build.epoch ? parent.ref.view : 0,',
    replace: 'parentView: parent.ref.view,',
    under: ROUGH,
  },
  {
    id: 'parents/floor-not-justified',
    family: 'parents',
    rule: 'S2',
    what: 'a proposal on the floor does not carry the Finalization of the floor',
    file: JUSTIFICATION,
    find: 'const own = at > 0 && certificate !== null ? [certificate] : [];',
    replace: 'const own = at > 0 && certificate === null ? [certificate] : [];',
    under: ROUGH,
  },
];
