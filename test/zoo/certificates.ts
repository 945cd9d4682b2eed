// biome-ignore-all lint/suspicious/noTemplateCurlyInString: patches are source text
import { hostile, LIGHT, lying, type Mutant, type Patch, ROUGH } from './mutant.ts';

const CERTIFICATES = 'packages/simplex/src/certificates.ts';

const EPOCH_OF_MESSAGE: Patch = {
  file: 'packages/simplex/src/engine.ts',
  find: 'if (epochOfMessage(message) !== state.epoch) {',
  replace: 'if (epochOfMessage(message) > state.epoch) {',
};

/** Certificates are not weighed where their signatures are checked. */
const UNWEIGHED: Patch = {
  file: 'packages/kernel/src/certificates.ts',
  find: '  if (weight < validators.quorum) return `its signers weigh ${weight}, the quorum is ${validators.quorum}`;\n',
  replace: '',
};

/** Nor where the engine looks at them first. */
const SHAPE_UNWEIGHED: Patch = {
  file: CERTIFICATES,
  find: "  return state.validators.weightOfAll(indices) < state.validators.quorum ? 'has less than a quorum behind it' : null;",
  replace: '  return null;',
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
  {
    id: 'certificates/weight-unchecked',
    family: 'certificates',
    rule: 'S4: weight q',
    what: 'a certificate of a peer is kept however little weight has signed it',
    ...SHAPE_UNWEIGHED,
    under: lying('forge'),
  },
  {
    id: 'certificates/ninth-signer-lost',
    family: 'certificates',
    rule: 'Votes: the signers as bits',
    what: 'the bit of a signer is shifted by its index and not within its byte: from the ninth on it is lost',
    file: 'packages/kernel/src/validators.ts',
    find: '(1 << (index & 7));',
    replace: '(1 << index);',
    under: LIGHT,
    rare: true,
    measured: { caught: 40, seeds: 5_000 },
  },
  {
    id: 'certificates/justifications-believed',
    family: 'certificates',
    rule: 'S3, S4',
    what: 'the certificates that come with a proposal are kept whether or not they verify',
    file: 'packages/simplex/src/notarize.ts',
    find: 'if (!invalid.includes(index + 1)) keepCertificate(state, certificate);',
    replace: 'if (index >= 0) keepCertificate(state, certificate);',
    under: LIGHT,
    rare: true,
    measured: { caught: 6, seeds: 5_000 },
  },
  {
    id: 'certificates/weightless',
    family: 'certificates',
    rule: 'S4: weight q',
    what: 'a certificate holds whatever its signers weigh: who joins from a snapshot believes what a minority proves',
    ...UNWEIGHED,
    under: hostile('underweight', 'state-sync'),
  },
  {
    id: 'certificates/weightless-everywhere',
    family: 'certificates',
    rule: 'S4: weight q',
    what: 'neither the engine nor the check of signatures weighs the signers of a certificate',
    ...UNWEIGHED,
    and: [SHAPE_UNWEIGHED],
    under: hostile('underweight'),
  },
  {
    id: 'certificates/range-not-weighed',
    family: 'certificates',
    rule: 'S4, catching up: weight q',
    what: 'the certificate of a range of blocks counts as checked whatever its signers weigh',
    file: 'packages/replica/src/verification.ts',
    find: '    if (fault === null) this.#known.add(certificate);\n    return fault;',
    replace:
      "    if (fault !== null && !fault.startsWith('its signers weigh')) return fault;\n    this.#known.add(certificate);\n    return null;",
    and: [SHAPE_UNWEIGHED],
    under: hostile('underweight', 'data-loss'),
  },
  {
    id: 'certificates/proof-not-weighed',
    family: 'certificates',
    rule: 'Light client: weight q',
    what: 'a proof of finality holds whatever the signers of its certificate weigh',
    file: 'packages/light/src/light-client.ts',
    find: 'if (fault !== null) return refuse(`the certificate does not hold: ${fault}`);',
    replace:
      "if (fault !== null && !fault.startsWith('its signers weigh')) return refuse(`the certificate does not hold: ${fault}`);",
    under: hostile('underweight', 'state-sync'),
  },
];
