import { describe, expect, it } from 'vitest';
import { type TwinsScenario, TwinsScenarios, type TwinsSpace } from './scenario.ts';
import { withoutReplacement } from './symmetry.ts';

/** The least of all scenarios that renaming makes of this one, by trying every renaming. */
function least({ leaders, sides }: TwinsScenario, { validators, twins }: TwinsSpace): string {
  let best = '';
  for (const signers of permutations(Array.from({ length: validators }, (_, index) => index))) {
    if (signers.some((to, from) => to < twins !== from < twins)) continue;
    for (let swaps = 0; swaps < 2 ** twins; swaps++) {
      const renamedSides = sides.map((phases) =>
        phases.map((side) => {
          let image = 0;
          for (let place = 0; place < validators + twins; place++) {
            if (((side >> place) & 1) === 0) continue;
            const signer = place < validators ? place : place - validators;
            const isSecond = place >= validators !== (((swaps >> signer) & 1) === 1 && signer < twins);
            image |= 1 << ((signers[signer] ?? 0) + (isSecond ? validators : 0));
          }
          return image & 1 ? 2 ** (validators + twins) - 1 - image : image;
        }),
      );
      const text = JSON.stringify([leaders.map((leader) => signers[leader]), renamedSides]);
      if (best === '' || text < best) best = text;
    }
  }
  return best;
}

function permutations(items: readonly number[]): number[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item) => permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]));
}

describe('scenarios of twins', () => {
  it.each<TwinsSpace>([
    { validators: 4, twins: 1, views: 1, partitions: 'step', phases: 2 },
    { validators: 3, twins: 1, views: 2, partitions: 'view', phases: 4 },
    { validators: 4, twins: 2, views: 1, partitions: 'view', phases: 1 },
    { validators: 4, twins: 0, views: 2, partitions: 'view', phases: 1 },
  ])(
    'are each class once, all of them, as trying every renaming shows: $validators + $twins, $views views',
    (space) => {
      const scenarios = new TwinsScenarios(space);
      const classes = new Set<string>();
      for (let index = 0n; index < scenarios.size; index++) classes.add(least(scenarios.at(index), space));
      expect(BigInt(classes.size)).toBe(scenarios.size);
      // The other way: every raw scenario belongs to one of these classes.
      const nodes = space.validators + space.twins;
      const partitions = space.partitions === 'step' ? space.phases : 1;
      const perView = space.validators * 2 ** ((nodes - 1) * partitions);
      const raw = new Set<string>();
      for (let number = 0; number < perView ** space.views; number++) {
        let rest = number;
        const take = (letters: number): number => {
          const letter = rest % letters;
          rest = Math.floor(rest / letters);
          return letter;
        };
        const leaders: number[] = [];
        const sides: number[][] = [];
        for (let view = 0; view < space.views; view++) {
          leaders.push(take(space.validators));
          const chosen = Array.from({ length: partitions }, () => take(2 ** (nodes - 1)) << 1);
          sides.push(space.partitions === 'step' ? chosen : Array.from({ length: space.phases }, () => chosen[0] ?? 0));
        }
        raw.add(least({ leaders, sides }, space));
        if (raw.size === classes.size) break;
      }
      expect(raw).toEqual(classes);
    },
  );

  it('are as many as they were', () => {
    const size = (space: Omit<TwinsSpace, 'phases'>): bigint => new TwinsScenarios({ ...space, phases: 4 }).size;
    expect(size({ validators: 4, twins: 1, views: 2, partitions: 'view' })).toBe(510n);
    expect(size({ validators: 4, twins: 1, views: 3, partitions: 'step' })).toBe(1_501_703_854_970_880n);
  });

  it('are sampled without replacement: every one once', () => {
    const scenarios = new TwinsScenarios({ validators: 4, twins: 1, views: 2, partitions: 'view', phases: 4 });
    for (const seed of [1, 2, 77]) {
      const order = withoutReplacement(scenarios.size, seed);
      const drawn = Array.from({ length: Number(scenarios.size) }, (_, i) => order(BigInt(i)));
      expect(new Set(drawn).size).toBe(drawn.length);
      expect(drawn.every((index) => index >= 0n && index < scenarios.size)).toBe(true);
    }
    expect(withoutReplacement(1n, 5)(0n)).toBe(0n);
  });

  it('refuse other indices and impossible spaces', () => {
    const space: TwinsSpace = { validators: 4, twins: 1, views: 1, partitions: 'view', phases: 4 };
    const scenarios = new TwinsScenarios(space);
    expect(() => scenarios.at(scenarios.size)).toThrow(/there is no scenario/);
    expect(() => scenarios.at(-1n)).toThrow(/there is no scenario/);
    expect(() => new TwinsScenarios({ ...space, twins: 5 })).toThrow(/no scenarios of 4 validators/);
    expect(() => new TwinsScenarios({ ...space, validators: 12 })).toThrow(/at most 12 nodes/);
  });
});
