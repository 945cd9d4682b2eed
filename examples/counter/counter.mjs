// A counter that everybody may raise: the transaction "add 5" adds five. Run it with
//   quorate devnet --app ./examples/counter
import { defineApplication, struct, u53 } from '@quorate/kernel';

/** The numbers that "add N" transactions name; at most nine digits, no leading zero. */
const FORM = /^add ([1-9][0-9]{0,8})$/;

const counter = {
  name: 'counter',
  version: '1',
  codec: struct({ total: u53, additions: u53 }),

  initial: () => ({ total: 0, additions: 0 }),

  apply(state, tx) {
    const amount = Number(FORM.exec(new TextDecoder().decode(tx))?.[1] ?? 0);
    if (amount === 0) return { kind: 'refused', reason: 'a transaction reads "add N", N from 1 to 999999999' };
    const total = state.total + amount;
    if (!Number.isSafeInteger(total)) return { kind: 'refused', reason: 'the counter is full' };
    const events = [{ type: 'added', attributes: { amount: `${amount}`, total: `${total}` } }];
    return { kind: 'applied', state: { total, additions: state.additions + 1 }, events };
  },

  query: (state, path) => (path === 'counter' ? new TextEncoder().encode(JSON.stringify(state)) : null),
};

/** @param {import('@quorate/kernel').ApplicationParts} parts */
export const createApplication = (parts) => defineApplication(counter, parts);
