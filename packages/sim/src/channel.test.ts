import { describe, expect, it } from 'vitest';
import type { Choice, Decision } from './decisions.ts';
import { Decisions } from './decisions.ts';
import type { LinkOptions } from './link.ts';
import { mesh, peerOf } from './network.fixture.ts';
import type { NetworkOptions } from './network.ts';

const ALL: Partial<LinkOptions> = {
  latency: 10,
  jitter: 4,
  loss: 0.03,
  duplicate: 0.03,
  spike: 0.03,
  spikeMs: 200,
  overtake: 0.03,
  overtakeMs: 40,
  replay: 0.03,
  corrupt: 0.01,
};

/** A conversation over a bad network: what everybody got, and when. */
async function talk(decisions: Decisions, options: NetworkOptions = { link: ALL }, rounds = 300) {
  const { world, network, nodes } = await mesh(3, options, 9, decisions);
  for (let round = 0; round < rounds; round++) {
    nodes.forEach((node, index) => {
      for (const to of [0, 1, 2])
        if (to !== index) node.say(to, round & 0xff, round % 3 === 0 ? 'bodies' : 'votes', 40);
    });
    await world.runFor(5);
  }
  await world.runFor(2000);
  return { nodes, hash: world.hash, messages: network.messages, taken: world.decisions.taken };
}

/** One message every 100 ms from n0 to n1 under these decisions: what came and how long after it was sent. */
async function letters(choices: Readonly<Record<number, Choice>>, options: NetworkOptions = {}, count = 8) {
  const list = Object.entries(choices).map(
    ([index, choice]): Decision => ({ domain: 'link/n0>n1/votes', index: Number(index), choice }),
  );
  const link = { latency: 10, jitter: 6, ...options.link };
  const { world, a, b } = await mesh(3, { ...options, link }, 3, Decisions.listed(list));
  const start = world.elapsed;
  for (let i = 0; i < count; i++) {
    a.say(1, i);
    await world.runFor(100);
  }
  await world.runFor(3000);
  return { b, came: b.got.map((byte, index) => [byte, (b.at[index] ?? 0) - start - 100 * byte] as const) };
}

describe('faults of a link', () => {
  it('all fire, are written down, and happen again from the list alone', async () => {
    const drawn = await talk(Decisions.drawn());
    const kinds = new Set(drawn.taken.map(({ choice }) => choice.kind));
    expect([...kinds].sort()).toEqual(['corrupt', 'delay', 'duplicate', 'lose', 'reorder', 'replay']);
    expect(new Set(drawn.taken.map(({ domain }) => domain))).toContain('link/n0>n2/bodies');
    const again = await talk(Decisions.listed(drawn.taken));
    expect([again.hash, again.messages]).toEqual([drawn.hash, drawn.messages]);
    expect(again.taken).toEqual(drawn.taken);
    const calm = await talk(Decisions.listed([]));
    expect([calm.taken, calm.messages]).toEqual([[], 1800]);
  });

  it('come at their rates, whatever the others are', async () => {
    const rate = async (link: Partial<LinkOptions>, kind: string): Promise<number> => {
      const { taken } = await talk(Decisions.drawn(), { link, authenticated: false }, 500);
      return taken.filter(({ choice }) => choice.kind === kind).length / 3000;
    };
    expect(Math.abs((await rate({ loss: 0.1 }, 'lose')) - 0.1)).toBeLessThan(0.02);
    expect(Math.abs((await rate({ loss: 0.1, spike: 0.2 }, 'delay')) - 0.2)).toBeLessThan(0.03);
    expect(Math.abs((await rate({ loss: 0.1, duplicate: 0.1, corrupt: 0.2 }, 'corrupt')) - 0.2)).toBeLessThan(0.03);
  });

  it('are one of a message each: leaving one out changes no latency of another', async () => {
    const calm = await letters({});
    expect(calm.came.map(([byte]) => byte)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(new Set(calm.came.map(([, ms]) => ms)).size).toBe(8);
    const faults: Record<number, Choice> = {
      1: { kind: 'lose' },
      2: { kind: 'duplicate', ms: 7 },
      4: { kind: 'delay', ms: 31.5 },
      6: { kind: 'reorder', ms: 250 },
    };
    const all = await letters(faults);
    expect(all.came.map(([byte]) => byte)).toEqual([0, 2, 2, 3, 4, 5, 7, 6]);
    for (const left of [1, 2, 4, 6]) {
      const { came } = await letters({ ...faults, [left]: { kind: 'delay', ms: 0 } });
      for (const byte of [0, 1, 2, 3, 4, 5, 6, 7]) {
        const before = byte === left ? calm.came : all.came;
        expect(came.filter(([one]) => one === byte)).toEqual(before.filter(([one]) => one === byte));
      }
    }
    const [usual, late] = [calm.came.find(([byte]) => byte === 4), all.came.find(([byte]) => byte === 4)];
    expect((late?.[1] ?? 0) - (usual?.[1] ?? 0)).toBeCloseTo(31.5, 2);
  });

  it('keep a class first in, first out unless they reorder it', async () => {
    const inOrder = (got: readonly number[]): boolean => got.every((byte, index) => byte >= (got[index - 1] ?? 0));
    const order = async (link: Partial<LinkOptions>): Promise<boolean> => {
      const { world, a, b } = await mesh(3, { link: { latency: 20, jitter: 30, ...link } });
      for (let i = 0; i < 200; i++) {
        a.say(1, i);
        await world.runFor(1);
      }
      await world.runFor(3000);
      expect(b.got.length).toBeGreaterThan(100);
      return inOrder(b.got);
    };
    expect(await order({ loss: 0.1, duplicate: 0.1, spike: 0.1 })).toBe(true);
    expect(await order({ overtake: 0.1 })).toBe(false);
    expect(await order({ reorder: true })).toBe(false);
    expect(await order({ replay: 0.1 })).toBe(false);
  });

  it('replay what was really sent, of a bounded past', async () => {
    const { came } = await letters({ 7: { kind: 'replay', of: 3 } }, { link: { replay: 1e-9 } });
    expect(came.map(([byte]) => byte)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 3]);
    const forgotten = await letters({ 7: { kind: 'replay', of: 2 } }, { link: { replay: 1e-9 } });
    expect(forgotten.came.map(([byte]) => byte)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('flip one bit, or end the connection where frames are authenticated', async () => {
    const flip = { 2: { kind: 'corrupt', bit: 11 } } as const;
    const open = await letters(flip, { authenticated: false }, 4);
    expect(open.came.map(([byte]) => byte)).toEqual([0, 1, 2 ^ 8, 3]);
    const { world, a, b } = await mesh(
      3,
      { link: { latency: 10, jitter: 0 } },
      1,
      Decisions.listed([{ domain: 'link/n0>n1/votes', index: 0, choice: flip[2] }]),
    );
    a.say(1, 9);
    await world.runFor(11);
    expect(b.connected).not.toContain(peerOf(0));
    await world.runFor(100);
    expect([b.got, b.connected.includes(peerOf(0))]).toEqual([[], true]);
  });

  it('refuses rates, times and decisions that mean nothing', async () => {
    const { network } = await mesh(3);
    for (const change of [{ loss: -0.1 }, { loss: 0.6, replay: 0.6 }, { latency: Number.NaN }, { bandwidth: 0 }]) {
      expect(() => network.setLinks(change)).toThrow(expect.objectContaining({ code: 'config/invalid' }));
    }
    await expect(letters({ 0: { kind: 'vanish' } })).rejects.toMatchObject({ code: 'config/invalid' });
    await expect(letters({ 0: { kind: 'delay', ms: -1 } })).rejects.toMatchObject({ code: 'config/invalid' });
  });

  it('are named after machines, and by key where two share a name', async () => {
    const { world, network, a } = await mesh(3, { link: { loss: 1 } });
    network.setLink(peerOf(1), peerOf(0), { latency: 6 });
    a.say(1, 1);
    expect(world.decisions.taken.map(({ domain }) => domain)).toEqual(['link/n0>n1/votes']);
  });
});
