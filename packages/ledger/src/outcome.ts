/** What became of an admitted transaction: the codes of its receipt. Whatever fails, the fee is paid and the nonce used. */
export const Outcome = {
  ok: 0,
  insufficientBalance: 1,
  notOwner: 2,
  unknownStake: 3,
  jailed: 4,
  lastValidator: 5,
  stakeTooSmall: 6,
  setFull: 7,
  peerTaken: 8,
  queueFull: 9,
} as const;

const SENTENCES: readonly string[] = [
  '',
  'the balance or stake does not cover the amount',
  'the stake belongs to another account',
  'there is no stake behind this voting key',
  'the validator is jailed',
  'the last validator cannot leave',
  'the stake left would be less than one unit: take out all of it, or less',
  'the validator set is full',
  'another validator uses this node key',
  'too many unbondings end at that height: try again in the next block',
];

/** The log line of a receipt with this code; empty for `ok` and for a code that is none. */
export function sentenceOf(code: number): string {
  return SENTENCES[code] ?? '';
}
