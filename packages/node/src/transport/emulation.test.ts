import type { PeerId, Traffic, Transport } from '@quorate/kernel';
import { expect, it } from 'vitest';
import { type EmulatedLink, EmulatedTransport } from './emulation.ts';

const PLAIN: EmulatedLink = { latency: 0, jitter: 0, loss: 0, blocked: false };

/** Time by hand, and a transport that writes down what reaches it and when. */
function fixture() {
  let now = 0;
  let draw = 0.5;
  let order = 0;
  const timers: { readonly at: number; readonly order: number; readonly run: () => void }[] = [];
  const seen: string[] = [];
  const inner: Transport = {
    self: 'me',
    start: () => {},
    send: (to: PeerId, traffic: Traffic, bytes: Uint8Array) => {
      seen.push(`${now} ${to} ${traffic} ${bytes.length}`);
      return true;
    },
    queued: () => 7,
    expel: () => {},
    setMembers: () => {},
    stop: async () => {},
  };
  const transport = new EmulatedTransport(inner, {
    now: () => now,
    after: (ms, run) => timers.push({ at: now + ms, order: order++, run }),
    chance: () => draw,
  });
  return {
    transport,
    seen,
    chance: (value: number) => {
      draw = value;
    },
    links: (links: Record<PeerId, Partial<EmulatedLink>>) =>
      transport.emulate(new Map(Object.entries(links).map(([peer, link]) => [peer, { ...PLAIN, ...link }]))),
    send: (to: PeerId, size: number, traffic: Traffic = 'votes') => transport.send(to, traffic, new Uint8Array(size)),
    pass: (ms: number) => {
      const until = now + ms;
      for (;;) {
        timers.sort((a, b) => a.at - b.at || a.order - b.order);
        if (timers[0] === undefined || timers[0].at > until) break;
        const next = timers.shift();
        now = next?.at ?? now;
        next?.run();
      }
      now = until;
    },
  };
}

it('leaves alone what it was told nothing about', () => {
  const { send, seen, links } = fixture();
  links({ far: { latency: 50 } });
  send('near', 3);
  expect(seen).toEqual(['0 near votes 3']);
});

it('holds messages back and keeps the order of a class, whatever the jitter and the changes', () => {
  const { send, seen, links, pass, chance, transport } = fixture();
  links({ far: { latency: 50, jitter: 40 } });
  chance(0.9);
  send('far', 1);
  chance(0);
  send('far', 2);
  send('far', 3, 'bodies');
  expect(transport.queued('far', 'votes')).toBe(3 + 7);
  pass(10);
  links({});
  send('far', 4);
  pass(1000);
  expect(seen).toEqual(['50 far bodies 3', '86 far votes 1', '86 far votes 2', '86 far votes 4']);
  send('far', 5);
  expect(seen.at(-1)).toBe('1010 far votes 5');
});

it('loses and cuts, also what was under way when the cut came', () => {
  const { send, seen, links, pass, chance } = fixture();
  links({ far: { latency: 50, loss: 0.3 } });
  chance(0.2);
  expect(send('far', 1)).toBe(true);
  chance(0.4);
  send('far', 2);
  send('far', 3);
  pass(49);
  links({ far: { blocked: true } });
  expect(send('far', 4)).toBe(true);
  pass(100);
  links({});
  send('far', 5);
  pass(100);
  expect(seen).toEqual(['149 far votes 5']);
});

it('holds a bounded number of bytes', () => {
  const { send, links } = fixture();
  links({ far: { latency: 1000 } });
  const sent = Array.from({ length: 20 }, () => send('far', 4 << 20, 'bodies'));
  expect(sent.filter(Boolean)).toHaveLength(16);
});

it('forwards nothing after its stop', async () => {
  const { send, seen, links, pass, transport } = fixture();
  links({ far: { latency: 50 } });
  send('far', 1);
  await transport.stop();
  pass(100);
  expect(seen).toEqual([]);
});
