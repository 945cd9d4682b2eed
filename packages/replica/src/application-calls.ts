import {
  type Application,
  type ApplicationBlock,
  type Block,
  type BlockContext,
  type BlockRef,
  type Body,
  type Epoch,
  type Evidence,
  type Execution,
  epochOf,
  type Genesis,
  type Hash,
  type Height,
  lastHeightOf,
  MAX_TRANSACTION_BYTES,
  MAX_TRANSACTIONS,
  type Millis,
  type Misbehavior,
  QuorateError,
  receiptsRoot,
  type ValidatorSet,
  type Verdict,
  type View,
} from '@quorate/kernel';
import type { BlockStore } from './block-store.ts';
import type { ExecutionRecord } from './store-format.ts';

/** What executing a block gave, with the root under which the next header commits to its receipts. */
export interface ExecutionResult extends Execution {
  readonly record: ExecutionRecord;
}

/** A block to be, as far as an application may know it. */
export interface Plan {
  readonly epoch: Epoch;
  readonly view: View;
  readonly height: Height;
  readonly time: Millis;
  readonly evidence: readonly Evidence[];
}

export interface ApplicationCallsParts {
  readonly application: Application;
  readonly store: BlockStore;
  readonly hash: Hash;
  /** Voting key of the leader of a view. */
  readonly proposerOf: (epoch: Epoch, view: View) => Uint8Array;
}

/**
 * Translates blocks into what the application sees, and checks what it answers. Everything it throws, and every answer that
 * breaks the contract, becomes `application/failed`.
 */
export class ApplicationCalls {
  readonly #genesis: Genesis;
  readonly #parts: ApplicationCallsParts;

  constructor(genesis: Genesis, parts: ApplicationCallsParts) {
    this.#genesis = genesis;
    this.#parts = parts;
  }

  /** Whether evidence in a body names an epoch whose set is not known here. */
  lacksSet(body: Body): boolean {
    return body.evidence.some(({ first }) => this.#setOf(first.statement.epoch) === null);
  }

  async finalize(block: Block, parent: BlockRef, body: Body): Promise<ExecutionResult> {
    const { height } = block.header;
    return this.guard(`finalizeBlock of height ${height}`, async () => {
      const execution = await this.#parts.application.finalizeBlock(this.#block(block, parent, body));
      if (execution.receipts.length !== body.transactions.length) {
        throw new Error(
          `it answered ${execution.receipts.length} receipts for ${body.transactions.length} transactions`,
        );
      }
      const record: ExecutionRecord = {
        digest: block.ref.digest,
        stateRoot: execution.stateRoot,
        receiptsRoot: receiptsRoot(this.#parts.hash, execution.receipts),
        validatorUpdates: execution.validatorUpdates,
      };
      return { ...execution, record };
    });
  }

  process(block: Block, parent: BlockRef, body: Body): Promise<Verdict> {
    return this.guard(`processProposal of height ${block.header.height}`, () =>
      this.#parts.application.processProposal(this.#block(block, parent, body)),
    );
  }

  prepare(plan: Plan, parent: BlockRef, candidates: readonly Uint8Array[], maxBytes: number): Promise<Uint8Array[]> {
    return this.guard(`prepareProposal for height ${plan.height}`, async () => {
      const chosen = await this.#parts.application.prepareProposal(this.#context(plan, parent), candidates, maxBytes);
      const bytes = chosen.reduce((sum, tx) => sum + tx.length, 0);
      // No body can hold these: found here it is the application's failure, later it would be ours.
      if (chosen.length > MAX_TRANSACTIONS) {
        throw new Error(`it chose ${chosen.length} transactions, a block holds at most ${MAX_TRANSACTIONS}`);
      }
      const longest = chosen.find((tx) => tx.length > MAX_TRANSACTION_BYTES);
      if (longest !== undefined) {
        throw new Error(`it chose a transaction of ${longest.length} bytes, the limit is ${MAX_TRANSACTION_BYTES}`);
      }
      if (bytes > maxBytes) throw new Error(`it chose ${bytes} bytes of transactions, the limit was ${maxBytes}`);
      return chosen;
    });
  }

  commit(block: BlockRef, height: Height): Promise<Height> {
    return this.guard(`commit of height ${height}`, async () => {
      const { retainHeight } = await this.#parts.application.commit(block);
      return retainHeight;
    });
  }

  /** Runs one call; what it throws becomes `application/failed`, errors of the disk stay what they are. */
  async guard<T>(call: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      if (error instanceof QuorateError && error.code.startsWith('disk/')) throw error;
      const said = error instanceof Error ? error.message : String(error);
      throw new QuorateError('application/failed', `the application failed in ${call}: ${said}`, { cause: error });
    }
  }

  #block(block: Block, parent: BlockRef, body: Body): ApplicationBlock {
    const { header, ref } = block;
    const { epoch, view, height, time } = header;
    const plan = { epoch, view, height, time, evidence: body.evidence };
    return { ...this.#context(plan, parent), block: ref, transactions: body.transactions };
  }

  #context(plan: Plan, parent: BlockRef): BlockContext {
    const { consensus } = this.#genesis;
    const { epoch, view, height, time } = plan;
    // Updates of an epoch's last block come too late for the set that its own header names: they wait one epoch more.
    const counted = epochOf(consensus, height + 1);
    return {
      height,
      epoch,
      time,
      parent,
      proposer: this.#parts.proposerOf(epoch, view),
      evidence: plan.evidence.map((evidence) => this.#misbehavior(evidence)),
      nextEpochStart: lastHeightOf(consensus, counted) + 1,
    };
  }

  #misbehavior(evidence: Evidence): Misbehavior {
    const { epoch } = evidence.first.statement;
    const set = this.#setOf(epoch);
    const offender = set?.at(evidence.first.signer);
    if (set === null || offender === undefined) {
      throw new QuorateError(
        'application/failed',
        `the validator set of epoch ${epoch}, which evidence in a block names, is not known here`,
      );
    }
    return { evidence, offender: offender.publicKey, epoch, weight: offender.weight, totalWeight: set.total };
  }

  #setOf(epoch: Epoch): ValidatorSet | null {
    return epoch === 0 ? this.#genesis.validators : this.#parts.store.validators(epoch);
  }
}
