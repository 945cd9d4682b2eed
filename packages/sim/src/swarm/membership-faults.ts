import { answerOf } from '../cluster/member.ts';
import type { Choice } from '../decisions.ts';
import { numberIn } from './choice.ts';
import type { Stage } from './stage.ts';

/** How far below the top lies the block from which a newcomer joins, in heights. */
const BELOW = 10;
const TRUSTING_MS = 3_600_000;

/** Changes who votes and who takes part. */
export function strikeMembership(stage: Stage, choice: Choice): void {
  switch (choice.kind) {
    case 'weight':
      change(stage, numberIn(choice, 'node'), numberIn(choice, 'weight'));
      return;
    case 'join':
      join(stage);
      return;
  }
}

/** Somebody who runs proposes a change of the validator set. */
function change({ cluster }: Stage, node: number, weight: number): void {
  const validator = cluster.members[node]?.validator ?? null;
  const running = cluster.members.findIndex(({ machine }) => machine.program !== null);
  if (running < 0 || validator === null) return;
  cluster.submit(running, `governance ${Math.round(cluster.world.elapsed)}`, {
    validators: [{ ...validator, weight }],
  });
}

/** An observer without a past joins from a block that is final. */
function join({ cluster }: Stage): void {
  const { members, joins } = cluster;
  const index = members.findIndex(({ secret }) => secret === null);
  const newcomer = members[index];
  const source = members.find((member) => member.machine.program?.halted === null && cluster.isHonest(member));
  if (newcomer === undefined || newcomer.machine.lives > 0 || source === undefined) return;
  const status = cluster.statusOf(members.indexOf(source));
  const block =
    status === null ? null : answerOf(source, (replica) => replica.block(Math.max(1, status.executedHeight - BELOW)));
  if (block !== null) {
    joins.set(newcomer, {
      trusted: { height: block.header.height, digest: block.digest },
      trustingPeriod: TRUSTING_MS,
    });
  }
  cluster.start(index);
}
