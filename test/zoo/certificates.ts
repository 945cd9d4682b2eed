// biome-ignore-all lint/suspicious/noTemplateCurlyInString: patches are source text
import { hostile, type Mutant, type Patch, ROUGH } from './mutant.ts';

const CERTIFICATES = 'packages/simplex/src/certificates.ts';

const EPOCH_OF_MESSAGE: Patch = {
  file: 'packages/simplex/src/engine.ts',
  find: 'if (epochOfMessage(message) !== state.epoch) {',
  replace: 'if (epochOfMessage(message) > state.epoch) {',
};

export const certificates: readonly Mutant[] = [
  {
    id: 'certificates/signatures-unordered',
    family: 'certificates',
    rule: 'Votes',
    what: 'signatures are joined in the order in which the votes came, not in that of the signers',
    file: 'packages/kernel/src/certificates.ts',
    find: 'const ordered = [...votes].sort((a, b) => a.signer - b.signer);',
    replace: 'const ordered = [...votes];',
    under: ROUGH,
  },
  {
    id: 'certificates/believed',
    family: 'certificates',
    rule: 'S4',
    what: 'a certificate from a peer is kept whether or not it verifies',
    file: CERTIFICATES,
    find: '  if (invalid.length === 0) {\n    keepCertificate(state, head.certificate);\n    return;\n  }',
    replace: '  if (invalid.length >= 0) {\n    keepCertificate(state, head.certificate);\n    return;\n  }',
    under: hostile('mutate'),
  },
  {
    id: 'certificates/of-an-earlier-epoch',
    family: 'certificates',
    rule: 'S4, S11',
    what: 'certificates and votes of the epoch before are taken for those of this one',
    file: CERTIFICATES,
    find: "if (certificate.statement.epoch !== state.epoch) return 'is of another epoch';",
    replace: '',
    and: [
      EPOCH_OF_MESSAGE,
      {
        file: 'packages/replica/src/ingress.ts',
        find: "      counters.add('dropped.votes-old-epoch');\n      this.#parts.outdated(from);\n      return;",
        replace: "      counters.add('dropped.votes-old-epoch');\n      this.#parts.outdated(from);",
      },
    ],
    under: hostile('stale'),
    unproven: true,
  },
  {
    id: 'certificates/stale-floor',
    family: 'certificates',
    rule: 'S8',
    what: 'the floor rises and keeps the Finalization of the floor before',
    file: 'packages/simplex/src/finalize.ts',
    find: 'state.floor = { block, view, certificate };',
    replace: 'state.floor = { block, view, certificate: state.floor.certificate ?? certificate };',
    under: ROUGH,
  },
  {
    id: 'certificates/served-without-finality',
    family: 'certificates',
    rule: 'S8',
    what: 'the certificate that covers a height is kept only for the last height of a batch that it names',
    file: 'packages/replica/src/store-finality.ts',
    find: 'if (certified === null || (certified !== digest && (digests.has(certified) || again))) return;',
    replace: 'if (certified === null || certified !== digest) return;',
    under: ROUGH,
  },
  {
    id: 'certificates/last-vote-left-out',
    family: 'certificates',
    rule: 'S4: weight q',
    what: 'a certificate is made of all votes but one, and is too light',
    file: 'packages/simplex/src/collect.ts',
    find: 'certify({ suite: state.parts.suite, validators: state.validators }, votes)',
    replace: 'certify({ suite: state.parts.suite, validators: state.validators }, votes.slice(1))',
    under: ROUGH,
  },
];
