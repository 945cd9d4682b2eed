import type { Happening, Nodes } from './nodes.ts';
import type { Name } from './vocabulary.ts';

/** Tells a history as sentences: to whom what happened, and what that made it do. */
export function explain(
  nodes: Nodes,
  followers: readonly number[],
  moves: readonly { readonly position: number; readonly happenings: readonly Name[] }[],
): string[] {
  const { honest } = nodes.words.model;
  const state = honest.map((index) => nodes.start(index));
  return moves.flatMap(({ position, happenings }) => {
    const mover = actual(state, followers, position);
    const who = `V${(honest[mover] as number) + 1}`;
    return happenings.map((happening) => {
      const from = state[mover] as Name;
      const next = nodes.next(from, happening);
      const what = `${who}: ${describe(nodes, nodes.happening(happening))}`;
      if (next < 0) return `${what} → ${nodes.brokenRule(next)}`;
      state[mover] = next;
      const did = consequences(nodes, from, next);
      return did.length === 0 ? what : `${what} → ${did.join(', ')}`;
    });
  });
}

/** Interchangeable validators stand in the order of their states: which of them really is at a position. */
function actual(state: readonly Name[], followers: readonly number[], position: number): number {
  const rank = followers.indexOf(position);
  if (rank < 0) return position;
  const ordered = [...followers].sort((a, b) => (state[a] as Name) - (state[b] as Name) || a - b);
  return ordered[rank] as number;
}

function describe(nodes: Nodes, happening: Happening): string {
  const { words } = nodes;
  const statement = (name: Name): string => words.describe(words.statement(name));
  switch (happening.kind) {
    case 'timer':
      return `timer ${happening.timer} rings`;
    case 'answer':
      return `the replica answers: ${happening.key}`;
    case 'proposal': {
      const header = words.blockNamed(happening.block).header;
      const leader = words.leaderOf(header.view);
      const byzantine = words.model.byzantine.includes(leader) ? ', Byzantine' : '';
      const justification = words.proposals.get(happening.block)?.justification ?? [];
      const by = justification.map((certificate) => words.describe(certificate.statement)).join(', ');
      const parent = words.title(words.find(header.parentDigest));
      return `receives proposal ${words.title(happening.block)} on ${parent} from V${leader + 1}${byzantine}${by ? `, justified by ${by}` : ''}`;
    }
    case 'certificate':
      return `receives the certificate of ${statement(happening.statement)}`;
    case 'votes':
      return `receives votes to ${statement(happening.statement)}${happening.leader ? ', its leader’s among them' : ''}`;
    case 'restart':
      return `crashes and restarts from ${happening.from === 'floor' ? 'its floor' : 'genesis'}`;
    case 'cut': {
      const of = describe(nodes, nodes.happening(happening.of));
      return `${of}, crashes after writing ${happening.after} records, and restarts from ${happening.from === 'floor' ? 'its floor' : 'genesis'}`;
    }
  }
}

function consequences(nodes: Nodes, from: Name, to: Name): string[] {
  const { words } = nodes;
  const before = new Set(nodes.signed[from]);
  const signed = (nodes.signed[to] ?? []).filter((name) => !before.has(name));
  const finals = (nodes.chains[to] ?? []).slice(nodes.chains[from]?.length ?? 0);
  const [was, is] = [nodes.local(from).engine.memory.view, nodes.local(to).engine.memory.view];
  return [
    ...signed.map((name) => `signs ${words.describe(words.statement(name))}`),
    ...finals.map((name) => `finalizes ${words.title(name)}`),
    ...(was === is ? [] : [`is in view ${is}`]),
  ];
}
