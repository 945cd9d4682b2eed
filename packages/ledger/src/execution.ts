import {
  type AppEvent,
  type BlockContext,
  concatBytes,
  type Execution,
  encode,
  fromHex,
  type Hash,
  type Height,
  type Receipt,
  toHex,
  unreachable,
  ZERO_DIGEST,
} from '@quorate/kernel';
import type { Authentic } from './authentication.ts';
import { Outcome, sentenceOf } from './outcome.ts';
import { Staking } from './staking.ts';
import { decodeNamespace, namespaceCodec, namespaceKey, type Parameters } from './state.ts';
import type { Action, Transaction } from './transaction.ts';
import type { Changes } from './trie/pages.ts';
import type { Root, Trie } from './trie/trie.ts';
import { type AccountCell, hexOf, Working } from './working.ts';

const NO_DATA = new Uint8Array();

/** What executing a block came to. */
export interface Executed {
  readonly root: Root;
  readonly changes: Changes;
  readonly execution: Execution;
}

/**
 * Why a transaction cannot be in a block at `height` while its sender's account stands as given, or `null`. A block takes the next
 * nonce only (`nonceGap` 0), a mempool also nonces up to `nonceGap` ahead.
 */
export function accountFault(
  transaction: Transaction,
  account: { readonly balance: bigint; readonly nonce: number },
  height: Height,
  nonceGap: number,
): string | null {
  const { nonce, fee, expiry } = transaction;
  if (expiry !== 0 && height > expiry) return `it expired at height ${expiry}`;
  if (nonce < account.nonce) return `nonce ${nonce} is used: the account's next is ${account.nonce}`;
  if (nonce > account.nonce + nonceGap)
    return `nonce ${nonce} is too far ahead: the account's next is ${account.nonce}`;
  if (account.balance < fee) return `the balance of ${account.balance} does not cover the fee of ${fee}`;
  return null;
}

/** One block, executed on top of a version: what is due at its height, then the evidence, the transactions, the fees. */
export class BlockExecution {
  readonly #hash: Hash;
  readonly #context: BlockContext;
  readonly #working: Working;
  readonly #staking: Staking;
  readonly #receipts: Receipt[] = [];
  readonly #events: AppEvent[];
  #fees = 0n;

  constructor(context: BlockContext, root: Root, parts: { trie: Trie; hash: Hash; parameters: Parameters }) {
    this.#hash = parts.hash;
    this.#context = context;
    this.#working = new Working(parts.trie, parts.hash, root);
    this.#staking = new Staking(this.#working, parts.hash, parts.parameters);
    this.#events = this.#staking.release(context.height, context.time);
    for (const misbehavior of context.evidence) this.#events.push(...this.#staking.punish(misbehavior, context.height));
  }

  /** Executes the next transaction. Returns why it may not stand here, or `null`; nothing changed in the first case. */
  run(item: Authentic): string | null {
    const { transaction } = item;
    const sender = this.#working.account(item.sender);
    const fault = accountFault(transaction, sender, this.#context.height, 0);
    if (fault !== null) return fault;
    sender.balance -= transaction.fee;
    sender.nonce++;
    sender.changed = true;
    this.#fees += transaction.fee;
    this.#receipts.push(this.#act(sender, transaction.action, item.id));
    return null;
  }

  #act(sender: AccountCell, action: Action, id: Uint8Array): Receipt {
    switch (action.kind) {
      case 'transfer':
        if (sender.balance < action.amount) return failed(Outcome.insufficientBalance);
        return succeeded([this.#pay(sender, action.to, action.amount)]);
      case 'multiTransfer': {
        let total = 0n;
        for (const { amount } of action.payments) total += amount;
        if (sender.balance < total) return failed(Outcome.insufficientBalance);
        return succeeded(action.payments.map(({ to, amount }) => this.#pay(sender, to, amount)));
      }
      case 'record':
        return succeeded([this.#record(action.namespace, 1, id)]);
      case 'records':
        return succeeded([this.#record(action.namespace, action.batch.count, id)]);
      case 'bond': {
        const code = this.#staking.bond(sender, action.validator, action.amount);
        return code === Outcome.ok
          ? succeeded([stakeEvent('bond', action.validator.publicKey, sender, action.amount)])
          : failed(code);
      }
      case 'unbond': {
        const code = this.#staking.unbond(sender, action.publicKey, action.amount, this.#context.height);
        return code === Outcome.ok
          ? succeeded([stakeEvent('unbond', action.publicKey, sender, action.amount)])
          : failed(code);
      }
      default:
        return unreachable(action);
    }
  }

  #pay(sender: AccountCell, address: Uint8Array, amount: bigint): AppEvent {
    const receiver = this.#working.account(address);
    sender.balance -= amount;
    receiver.balance += amount;
    receiver.changed = true;
    return { type: 'transfer', attributes: { from: hexOf(sender), to: hexOf(receiver), amount: amount.toString() } };
  }

  #record(name: string, count: number, id: Uint8Array): AppEvent {
    const key = namespaceKey(name);
    const value = this.#working.get(key);
    const before = value === null ? { count: 0, digest: ZERO_DIGEST } : decodeNamespace(value);
    const after = {
      count: before.count + count,
      digest: toHex(this.#hash(concatBytes(fromHex(before.digest), id))),
    };
    this.#working.put(key, encode(namespaceCodec, after));
    return {
      type: 'records',
      attributes: { namespace: name, first: before.count.toString(), count: count.toString() },
    };
  }

  /** Pays the fees and closes the block: nothing can be run after it. */
  finish(): Executed {
    if (this.#fees > 0n) this.#payFees();
    // Updates before the root: both only read what the block left.
    const validatorUpdates = this.#staking.updates();
    const { root, changes } = this.#working.finish();
    const execution: Execution = {
      stateRoot: toHex(root.digest),
      receipts: this.#receipts,
      validatorUpdates,
      events: this.#events,
    };
    return { root, changes, execution };
  }

  #payFees(): void {
    const earner = this.#staking.earner(this.#context.proposer);
    if (earner === null) this.#staking.changeSupply({ treasury: this.#staking.supply().treasury + this.#fees });
    else {
      earner.balance += this.#fees;
      earner.changed = true;
    }
    const to = earner === null ? 'treasury' : hexOf(earner);
    this.#events.push({ type: 'fees', attributes: { amount: this.#fees.toString(), to } });
  }
}

function succeeded(events: AppEvent[]): Receipt {
  return { code: Outcome.ok, log: '', events, data: NO_DATA };
}

function failed(code: number): Receipt {
  return { code, log: sentenceOf(code), events: [], data: NO_DATA };
}

function stakeEvent(type: 'bond' | 'unbond', publicKey: Uint8Array, owner: AccountCell, amount: bigint): AppEvent {
  return { type, attributes: { validator: toHex(publicKey), owner: hexOf(owner), amount: amount.toString() } };
}
