type Kinds = Readonly<Record<string, readonly string[]>>;

const LASTING = ['at', 'for'] as const;
const CRASH = ['node', 'at', 'down', 'power'] as const;
const ONE_WAY = ['from', 'to', ...LASTING] as const;
/** When a disk may do wrong. */
const WINDOW = ['node', ...LASTING, 'perMille'] as const;

/** What each fault of whole replicas says of itself, by the first word of its domain. Of domains that stand for links or disks there are many. */
const DOMAINS: Readonly<Record<string, Kinds>> = {
  crash: { crash: CRASH, 'crash-all': CRASH, 'crash-at': ['node', 'at', 'after', 'power', 'effect', 'of'] },
  pause: { pause: ['node', ...LASTING] },
  partition: { partition: ['sides', ...LASTING], rings: ['majorities', ...LASTING] },
  asymmetric: { block: ONE_WAY },
  clog: { clog: ONE_WAY, swizzle: [...LASTING, 'salt'] },
  hold: { hold: ['what', 'until', ...ONE_WAY] },
  'leader-cut': { cut: LASTING, starve: LASTING },
  'disk-stall': { stall: ['node', ...LASTING, 'factor'] },
  'disk-full': { full: ['node', 'room', ...LASTING] },
  'fsync-error': { fsync: ['node', 'at', 'count'] },
  'bit-flip': { flip: ['node', 'at', 'file', 'place', 'bit'], rot: [...WINDOW, 'stores'] },
  'disk-stale': { stale: [...WINDOW, 'restart'] },
  'disk-misdirect': { misdirect: [...WINDOW, 'writes', 'restart'] },
  'data-loss': { lose: ['node', 'at', 'down', 'what'] },
  clock: { jump: ['node', 'at', 'ms'], drift: ['node', 'at', 'percent'] },
  membership: { weight: ['node', 'at', 'weight'] },
  'state-sync': { join: ['at'] },
  link: {
    lose: [],
    duplicate: ['ms'],
    delay: ['ms'],
    reorder: ['ms'],
    replay: ['of'],
    corrupt: ['bit'],
  },
  disk: {
    cut: ['happened', 'salt'],
    stall: ['ms'],
    fail: [],
    full: [],
    stale: [],
    flip: ['place', 'offset', 'key', 'bit'],
    misdirect: ['place', 'offset', 'key', 'into'],
  },
};

/** The fields that a choice of whole replicas may have besides its kind; null for a domain or a kind that is not known here. */
export function fieldsOf(domain: string, kind: string): readonly string[] | null {
  if (domain === 'byzantine') return ['node'];
  const [head = domain] = domain.split('/', 1);
  const kinds = Object.hasOwn(DOMAINS, head) ? DOMAINS[head] : undefined;
  return kinds !== undefined && Object.hasOwn(kinds, kind) ? (kinds[kind] ?? null) : null;
}
