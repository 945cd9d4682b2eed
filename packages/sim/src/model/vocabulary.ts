import { sha256 } from '@quorate/crypto';
import {
  Bitmap,
  type Block,
  type BuildRequest,
  blockOf,
  blockOfHeader,
  type Certificate,
  certificateCodec,
  type Digest,
  emptyRoot,
  encode,
  type Hash,
  type Header,
  justificationDigest,
  Reader,
  type SignerIndex,
  type Statement,
  statementCodec,
  toHex,
  ValidatorSet,
  type View,
  type Vote,
  ZERO_DIGEST,
} from '@quorate/kernel';
import { LeaderSchedule, type SimplexMessage, type SimplexOptions } from '@quorate/simplex';
import type { Model } from './options.ts';

/** A statement, a block or an input, by the order in which it was first met. */
export type Name = number;
export type Proposal = Extract<SimplexMessage, { kind: 'proposal' }>;

const CHAIN = 'model';
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const peerOf = (signer: SignerIndex): string => (signer + 1).toString(16).padStart(2, '0').repeat(32);
/** No signature is ever checked: nothing in a model is forged, so one set of bytes is as good as another. */
const SIGNATURE = text('signed..');

/**
 * SHA-256, except of certificates, of which only the statements count: who of the quorum signed is nothing on which a rule depends,
 * and would give every block as many names as there are quorums.
 */
const modelHash: Hash = (bytes) => {
  const isCertificates = SIGNATURE.every((byte, index) => bytes[bytes.length - SIGNATURE.length + index] === byte);
  if (!isCertificates) return sha256(bytes);
  const reader = new Reader(bytes);
  let said = '';
  while (reader.remaining > 0) said += `${toHex(encode(statementCodec, certificateCodec.read(reader).statement))};`;
  return sha256(text(said));
};

/** What the nodes of one model speak of: validators, blocks, statements and inputs, each met once and named by a small number. */
export class Vocabulary {
  readonly model: Model;
  readonly hash: Hash;
  readonly validators: ValidatorSet;
  readonly genesis: Block;
  readonly statements: Statement[] = [];
  readonly blocks: Block[] = [];
  readonly proposals = new Map<Name, Proposal>();
  /** The letter of a block: `A` of an honest leader, others tell the proposals of a Byzantine one apart. */
  readonly #titles: string[] = [];
  readonly #statementNames = new Map<string, Name>();
  readonly #blockNames = new Map<Digest, Name>();
  readonly #menu = new Map<string, Name>();
  readonly #certificates = new Map<Name, Certificate>();
  readonly #epochStart: Digest;

  constructor(model: Model) {
    this.model = model;
    const known = new Map<string, Uint8Array>();
    // A fork computes the same few digests again, thousands of times.
    this.hash = (bytes) => {
      const key = toHex(bytes);
      const digest = known.get(key) ?? modelHash(bytes);
      if (known.size < 100_000) known.set(key, digest);
      return digest;
    };
    this.validators = new ValidatorSet(
      Array.from({ length: model.validators }, (_, index) => ({
        publicKey: Uint8Array.of(index),
        weight: 1,
        proof: new Uint8Array(),
        peer: peerOf(index),
        address: '',
      })),
    );
    if (model.quorum !== null) Object.defineProperty(this.validators, 'quorum', { value: model.quorum });
    this.#epochStart = this.#startInOrder();
    const empty = emptyRoot(this.hash);
    const header: Header = {
      epoch: 0,
      view: 0,
      height: 0,
      parentView: 0,
      parentDigest: ZERO_DIGEST,
      time: 1,
      txRoot: empty,
      evidenceRoot: empty,
      executedHeight: 0,
      stateRoot: this.#digest('state 0'),
      receiptsRoot: empty,
      validatorsRoot: this.validators.root(this.hash),
      nextValidatorsRoot: null,
      justificationDigest: empty,
      protocolVersion: 1,
    };
    this.genesis = { header, ref: { epoch: 0, view: 0, digest: this.#digest('genesis') } };
    this.nameOfBlock(this.genesis, 'genesis');
  }

  /** A start of the epoch from which validator `v − 1` leads view `v`, for every view of the model and the one after. */
  #startInOrder(): Digest {
    const views = Math.min(this.model.views + 1, this.model.validators);
    for (let seed = 0; ; seed++) {
      const start = this.#digest(`epoch ${seed}`);
      const leaders = new LeaderSchedule(this.validators, start, this.hash);
      if (
        Array.from({ length: views }, (_, index) => leaders.at(index + 1)).every((leader, index) => leader === index)
      ) {
        return start;
      }
    }
  }

  #digest(of: string): Digest {
    return toHex(this.hash(text(of)));
  }

  /** What an engine of this model is made of, from genesis. */
  options(self: SignerIndex): SimplexOptions {
    return {
      chainId: CHAIN,
      epoch: 0,
      validators: this.validators,
      self,
      floor: this.genesis,
      floorView: 0,
      floorCertificate: null,
      epochStart: this.#epochStart,
      lastHeight: this.model.heights,
      speculative: this.model.speculative,
      timing: { delta: 1000 },
    };
  }

  leaderOf(view: View): SignerIndex {
    return (view - 1) % this.model.validators;
  }

  /** Joins no signatures: see `SIGNATURE`. */
  readonly suite = { aggregate: (): Uint8Array => SIGNATURE };

  nameOf(statement: Statement): Name {
    const key = `${statement.kind}/${statement.view}/${blockOf(statement) ?? ''}`;
    let name = this.#statementNames.get(key);
    if (name === undefined) {
      name = this.statements.push(statement) - 1;
      this.#statementNames.set(key, name);
    }
    return name;
  }

  statement(name: Name): Statement {
    const statement = this.statements[name];
    if (statement === undefined) throw new RangeError(`no statement ${name}`);
    return statement;
  }

  nameOfBlock(block: Block, title: string): Name {
    let name = this.#blockNames.get(block.ref.digest);
    if (name === undefined) {
      name = this.blocks.push(block) - 1;
      this.#blockNames.set(block.ref.digest, name);
      this.#titles.push(title);
    }
    return name;
  }

  blockNamed(name: Name): Block {
    const block = this.blocks[name];
    if (block === undefined) throw new RangeError(`no block ${name}`);
    return block;
  }

  /** The name of a block that was made before; −1 for a digest that no block of the model has. */
  find(digest: Digest | null): Name {
    return digest === null ? -1 : (this.#blockNames.get(digest) ?? -1);
  }

  title(name: Name): string {
    return this.#titles[name] ?? `block ${name}`;
  }

  describe(statement: Statement): string {
    const block = blockOf(statement);
    return block === null
      ? `${statement.kind} view ${statement.view}`
      : `${statement.kind} ${this.title(this.find(block))}`;
  }

  vote(signer: SignerIndex, statement: Statement): Vote {
    return { statement, signer, signature: SIGNATURE };
  }

  /** A certificate of this statement, signed by the first quorum there is. */
  certificate(name: Name): Certificate {
    let certificate = this.#certificates.get(name);
    if (certificate === undefined) {
      const signers = Array.from({ length: this.validators.quorum }, (_, index) => index);
      certificate = {
        statement: this.statement(name),
        signers: Bitmap.of(this.validators.size, signers),
        signature: SIGNATURE,
      };
      this.#certificates.set(name, certificate);
    }
    return certificate;
  }

  /** The block that an honest leader's replica finishes: always the same one for the same request. */
  build(request: BuildRequest): Block {
    const letter = request.content === 'full' ? 'A' : 'E';
    const justified = { justificationDigest: request.justificationDigest };
    return this.#child(request.parent, request.view, request.lastOfEpoch, request.content, letter, justified);
  }

  /**
   * A proposal that the Byzantine leader of `view` may make: on `parent`, with these certificates; `letter` tells its blocks apart.
   * The certificates need not justify the parent.
   */
  propose(view: View, parent: Name, certificates: readonly Name[], letter: string): Name {
    const key = `${view}/${parent}/${certificates.join(',')}/${letter}`;
    const before = this.#menu.get(key);
    if (before !== undefined) return before;
    const justification = certificates.map((name) => this.certificate(name));
    const encoded = justification.map((certificate) => encode(certificateCodec, certificate));
    const digest = justificationDigest(this.hash, encoded);
    const above = this.blockNamed(parent);
    const height = above.header.height + 1;
    const { heights } = this.model;
    const content = height > heights ? 'empty' : 'full';
    const block = this.#child(above, view, height === heights, content, letter, { justificationDigest: digest });
    const name = this.find(block.ref.digest);
    this.proposals.set(name, { kind: 'proposal', header: block.header, signature: SIGNATURE, justification });
    this.#menu.set(key, name);
    return name;
  }

  #child(
    parent: Block,
    view: View,
    lastOfEpoch: boolean,
    content: 'full' | 'empty',
    letter: string,
    fields: Pick<Header, 'justificationDigest'>,
  ): Block {
    const height = parent.header.height + 1;
    const filled = {
      txRoot: this.#digest(`transactions ${letter} ${height}`),
      executedHeight: height - 1,
      stateRoot: this.#digest(`state ${height - 1}`),
    };
    const block = blockOfHeader(this.hash, CHAIN, {
      ...parent.header,
      txRoot: this.genesis.header.txRoot,
      view,
      height,
      parentView: parent.ref.view,
      parentDigest: parent.ref.digest,
      time: parent.header.time + 1,
      nextValidatorsRoot: lastOfEpoch ? this.#digest('next set') : null,
      ...(content === 'full' ? filled : {}),
      ...fields,
    });
    const on = this.title(this.find(parent.ref.digest));
    return this.blockNamed(this.nameOfBlock(block, on === 'genesis' ? `${letter}${view}` : `${letter}${view}(${on})`));
  }
}
