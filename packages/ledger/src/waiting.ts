import { type Codec, decode, encode, type Height, isQuorateError, list, struct, u53 } from '@quorate/kernel';
import { decodeUnbondings, type Unbonding, unbondingKey, unbondingsCodec } from './state.ts';

/** Heights that one query looks at: the entries are found by their heights only, and most heights have none. */
const MAX_HEIGHTS = 1024;
/** Entries at which an answer is full; those of its last height all come. */
const MAX_ENTRIES = 1024;

/** Stake whose delay is not over, by the height that ends it, of a range of heights. */
export interface WaitingPage {
  /** Ask again from this height on; 0 when there is nothing above. */
  readonly next: Height;
  /** Each is the entry of the state under `u` and its height, which a `state` query proves. */
  readonly waiting: readonly { readonly height: Height; readonly entries: Unbonding[] }[];
}

const pageCodec: Codec<WaitingPage> = struct<{ next: Height; waiting: { height: Height; entries: Unbonding[] }[] }>({
  next: u53,
  waiting: list(
    struct<{ height: Height; entries: Unbonding[] }>({ height: u53, entries: unbondingsCodec }),
    MAX_HEIGHTS,
  ),
}) as Codec<WaitingPage>;

/** The answer to the query `unbonding`. Throws `codec/*`. */
export const decodeWaitingPage = (value: Uint8Array): WaitingPage => decode(pageCodec, value);

/** The data of the query `unbonding`: the first height to look at. */
export const waitingQuery = (from: Height): Uint8Array => encode(u53, from);

/**
 * Answers the query `unbonding` from a state: heights from the one in `data` on, or all above `height` when there is no data, up to
 * `height` + `delay`, above which no unbond can have set out yet. Null for unfit data.
 */
export function waitingPage(
  state: { readonly height: Height; readonly delay: Height; readonly get: (key: Uint8Array) => Uint8Array | null },
  data: Uint8Array,
): Uint8Array | null {
  const asked = data.length === 0 ? 0 : heightIn(data);
  if (asked === null) return null;
  const last = state.height + state.delay;
  const waiting: { height: Height; entries: Unbonding[] }[] = [];
  let entries = 0;
  let at = Math.max(asked, state.height + 1);
  for (const end = Math.min(last, at + MAX_HEIGHTS - 1); at <= end && entries < MAX_ENTRIES; at++) {
    const value = state.get(unbondingKey(at));
    if (value === null) continue;
    const found = decodeUnbondings(value);
    waiting.push({ height: at, entries: found });
    entries += found.length;
  }
  return encode(pageCodec, { next: at <= last ? at : 0, waiting });
}

function heightIn(data: Uint8Array): Height | null {
  try {
    return decode(u53, data);
  } catch (error) {
    if (isQuorateError(error)) return null;
    throw error;
  }
}
