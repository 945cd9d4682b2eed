/** What the terminal shows of a devnet, as data; drawn by {@link draw}. */
export interface DevnetView {
  readonly chainId: string;
  readonly mechanism: string;
  readonly suite: string;
  readonly seconds: number;
  readonly height: number;
  readonly view: number;
  readonly epoch: number;
  /** Proposal to finality, ms, over the last blocks; null before the first. */
  readonly latency: { readonly p50: number; readonly p99: number } | null;
  readonly blocksPerSecond: number;
  readonly transactionsPerSecond: number;
  readonly validators: readonly ValidatorView[];
  readonly notices: readonly string[];
  readonly hints: readonly string[];
}

export interface ValidatorView {
  readonly name: string;
  readonly state: 'starting' | 'running' | 'stopped' | 'crashed';
  readonly pid: number | null;
  readonly height: number;
  readonly view: number;
  readonly peers: number;
  readonly rpc: string;
  /** Why it does not vote, or null. */
  readonly silent: string | null;
}

const COLOURS = { starting: 33, running: 32, stopped: 90, crashed: 31 } as const;

function paint(code: number, text: string, colour: boolean): string {
  return colour ? `\u001b[${code}m${text}\u001b[0m` : text;
}

function milliseconds(value: number): string {
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}

/** The lines of a view, each at most `columns` characters wide (escape codes not counted). */
export function draw(view: DevnetView, options: { readonly columns: number; readonly colour: boolean }): string[] {
  const { columns, colour } = options;
  const fit = (line: string): string => (line.length > columns ? `${line.slice(0, Math.max(0, columns - 1))}…` : line);
  const latency =
    view.latency === null ? 'waiting' : `p50 ${milliseconds(view.latency.p50)} · p99 ${milliseconds(view.latency.p99)}`;
  const lines = [
    paint(
      1,
      fit(`Quorate devnet  ${view.chainId} · ${view.mechanism} · ${view.suite} · up ${Math.round(view.seconds)} s`),
      colour,
    ),
    '',
    fit(
      `  height    ${view.height}   (${view.blocksPerSecond.toFixed(1)} blocks/s)   view ${view.view}   epoch ${view.epoch}`,
    ),
    fit(`  finality  ${latency}`),
    fit(`  load      ${view.transactionsPerSecond.toFixed(1)} tx/s`),
    '',
    paint(90, fit('  validator     state      height      view   peers   rpc'), colour),
  ];
  for (const validator of view.validators) {
    const { name, state, height, peers, rpc } = validator;
    const row = `  ${name.padEnd(13)} ${state.padEnd(9)} ${String(height).padStart(7)} ${String(validator.view).padStart(9)} ${String(peers).padStart(7)}   ${rpc}`;
    const line = fit(validator.silent === null ? row : `${row}   silent: ${validator.silent}`);
    lines.push(line.replace(state, paint(COLOURS[state], state, colour)));
  }
  lines.push('');
  for (const notice of view.notices) lines.push(paint(33, fit(`  ${notice}`), colour));
  if (view.hints.length > 0)
    lines.push(paint(90, fit('  Try, in another terminal:'), colour), ...view.hints.map((hint) => fit(`    ${hint}`)));
  return lines;
}

/** The value below which a share `q` of `values` lies; null for none. */
export function quantile(values: readonly number[], q: number): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? null;
}
