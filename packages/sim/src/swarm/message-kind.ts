import type { Traffic } from '@quorate/kernel';
import { read } from '../byzantine/wire.ts';

/** What a message on the wire is: `proposal`, `vote nullify`, `certificate finalize`, `push`, `transactions`; `unreadable` when it says nothing. */
export function messageKind(traffic: Traffic, bytes: Uint8Array): string {
  const spoken = read(traffic, bytes);
  if (spoken === null) return 'unreadable';
  if (spoken.traffic === 'transactions') return 'transactions';
  const { message } = spoken;
  switch (message.kind) {
    case 'vote':
      return `vote ${message.vote.statement.kind}`;
    case 'certificate':
      return `certificate ${message.certificate.statement.kind}`;
    default:
      return message.kind;
  }
}
