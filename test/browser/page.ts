// What runs inside the browser: the light client, the pure suites and the client, behind functions that take and return plain data.

import { Client, fromBase64, VerifyingClient } from '@quorate/client';
import { bls12381EdgeCases, createPureSuites, ed25519EdgeCases, sha256 } from '@quorate/crypto';
import { decode, genesisCodec, isQuorateError, type SuiteName } from '@quorate/kernel';
import { epochClaimCodec, LightClient, stateClaimCodec } from '@quorate/light';

export interface Task {
  readonly genesis: string;
  readonly epochs: readonly string[];
  readonly claim: string;
  readonly now: number;
}

const suites = createPureSuites();

/** `ok`, or why the claim is refused. */
function verify({ genesis, epochs, claim, now }: Task): string {
  try {
    const started = decode(genesisCodec, fromBase64(genesis));
    const light = LightClient.fromGenesis(
      { genesis: started, trustingPeriod: 86_400_000 },
      { suite: suites.get(started.suite), hash: sha256 },
    );
    for (const epoch of epochs) light.hop(decode(epochClaimCodec, fromBase64(epoch)), now);
    light.verifyState(decode(stateClaimCodec, fromBase64(claim)), now);
    return 'ok';
  } catch (error) {
    return isQuorateError(error) ? error.code : `broken: ${String(error)}`;
  }
}

/** The verdicts on the published edge cases of a suite, with those that are expected. */
function edgeCases(name: SuiteName): { name: string; expected: boolean; verdict: boolean }[] {
  const cases = name === 'ed25519' ? ed25519EdgeCases() : bls12381EdgeCases();
  const suite = suites.get(name);
  return cases.map(({ name: what, item, valid }) => ({ name: what, expected: valid, verdict: suite.verify(item) }));
}

/** Reads an account from a node, verified, and follows some blocks, with the browser's own fetch and WebSocket. */
async function readAccount(
  url: string,
  genesis: string,
  address: string,
): Promise<{ balance: string; heights: number[] }> {
  const client = new Client({ url });
  const reader = new VerifyingClient(
    { root: { kind: 'genesis', genesis: decode(genesisCodec, fromBase64(genesis)) }, trustingPeriod: 86_400_000 },
    { client },
  );
  const { account } = await reader.verifiedAccount(address);
  const heights: number[] = [];
  for await (const { height } of client.follow('blocks', { from: 1 })) if (heights.push(height) === 3) break;
  return { balance: String(account?.balance), heights };
}

export const page = { verify, edgeCases, readAccount };
Object.assign(globalThis, { quorate: page });
