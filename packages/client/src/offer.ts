import { sha256 } from '@quorate/crypto';
import { fromHex, QuorateError, type SecretKey, toHex } from '@quorate/kernel';
import {
  type Action,
  type BondConsent,
  type BondedValidator,
  consentToBond,
  formatAddress,
  parseAddress,
} from '@quorate/ledger';
import { z } from 'zod';
import { address, digest, hexBytes } from './schemas.ts';

/**
 * What the operator of a validator hands to the account that shall stand behind it: its keys' public halves and their consent to a
 * bond by that account on that chain. It holds no secret, and is of no use to any other account.
 */
export interface ValidatorOffer {
  readonly chainId: string;
  readonly owner: Uint8Array;
  readonly validator: BondedValidator;
  readonly consent: BondConsent;
}

/** Signs an offer with the voting key and the node key of a home. `address`: where peers dial the node, `host:port`, or empty. */
export function offerValidator(
  terms: { readonly chainId: string; readonly owner: Uint8Array; readonly address: string },
  keys: { readonly voting: SecretKey; readonly node: SecretKey },
): ValidatorOffer {
  const { chainId, owner, address } = terms;
  const { voting, node } = keys;
  const peer = toHex(node.publicKey);
  const validator = { publicKey: voting.publicKey, proof: voting.prove(), peer, address };
  return { chainId, owner, validator, consent: consentToBond({ chainId, owner }, keys) };
}

/** The bond that takes an offer up. The chain refuses it from any account but the owner named. */
export function bondOf({ validator, consent }: ValidatorOffer, amount: bigint): Action {
  return { kind: 'bond', validator, consent, amount };
}

const offerJson = z.strictObject({
  chainId: z.string().max(64),
  owner: address,
  validator: z.strictObject({
    publicKey: hexBytes,
    proof: hexBytes,
    peer: digest,
    address: z.string().max(255),
  }),
  consent: z.strictObject({ voting: hexBytes, node: hexBytes.length(128) }),
});

/** An offer as JSON text. */
export function formatOffer({ chainId, owner, validator, consent }: ValidatorOffer): string {
  const { publicKey, proof, peer, address } = validator;
  const json: z.infer<typeof offerJson> = {
    chainId,
    owner: formatAddress(sha256, owner),
    validator: { publicKey: toHex(publicKey), proof: toHex(proof), peer, address },
    consent: { voting: toHex(consent.voting), node: toHex(consent.node) },
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

/** Reads what {@link formatOffer} wrote; its signatures are for the chain to judge. Throws `transaction/invalid` and `address/invalid`. */
export function parseOffer(text: string): ValidatorOffer {
  const { chainId, owner, validator, consent } = read(text);
  const { publicKey, proof, peer, address } = validator;
  return {
    chainId,
    owner: parseAddress(sha256, owner),
    validator: { publicKey: fromHex(publicKey), proof: fromHex(proof), peer, address },
    consent: { voting: fromHex(consent.voting), node: fromHex(consent.node) },
  };
}

function read(text: string): z.infer<typeof offerJson> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new QuorateError('transaction/invalid', 'the offer of a validator is not JSON', { cause: error });
  }
  const found = offerJson.safeParse(value);
  if (found.success) return found.data;
  const issue = found.error.issues[0];
  const where = issue === undefined || issue.path.length === 0 ? '' : ` at ${issue.path.join('.')}`;
  throw new QuorateError('transaction/invalid', `the offer of a validator is wrong${where}: ${issue?.message ?? ''}`);
}
