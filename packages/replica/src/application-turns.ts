import { type Application, QuorateError } from '@quorate/kernel';

/** Calls that may wait in one lane. Lanes of consensus are bounded by their callers; those that peers and clients fill are bounded here. */
const MAX_WAITING = 16_384;

/** Requests answered in a row before the event loop gets its turn: a full message of transactions must not keep votes waiting. */
const BURST = 64;

/** Who goes first when several calls wait: the chain, then new blocks, then everything that peers and clients ask. */
const LANES = ['chain', 'blocks', 'snapshots', 'requests'] as const;
type LaneName = (typeof LANES)[number];

/**
 * The same application, called one call at a time, as its contract demands. Share one of these between executor, mempool,
 * RPC and state sync. When more than 16384 requests wait, new ones reject with `rpc/unavailable`. Many requests in a row are
 * interrupted by `pause`, which lets the event loop turn.
 */
export function inTurn(application: Application, pause: () => Promise<void>): Application {
  const lanes: Record<LaneName, (() => Promise<void>)[]> = { chain: [], blocks: [], snapshots: [], requests: [] };
  let running = false;
  let answered = 0;

  const run = async (): Promise<void> => {
    for (;;) {
      const lane = LANES.find((name) => lanes[name].length > 0);
      const call = lane === undefined ? undefined : lanes[lane].shift();
      if (call === undefined) break;
      await call();
      if (lane !== 'requests') continue;
      answered += 1;
      if (answered % BURST === 0) await pause();
    }
    running = false;
  };

  const turn = <T>(name: LaneName, call: () => Promise<T>): Promise<T> => {
    const lane = lanes[name];
    if (lane.length >= MAX_WAITING) {
      return Promise.reject(
        new QuorateError(
          'rpc/unavailable',
          `the application is busy: ${lane.length} ${name} calls wait; try again later`,
        ),
      );
    }
    return new Promise<T>((resolve, reject) => {
      lane.push(async () => {
        try {
          resolve(await call());
        } catch (error) {
          reject(error);
        }
      });
      if (running) return;
      running = true;
      void run();
    });
  };

  const { snapshots, extensions } = application;
  return {
    capabilities: application.capabilities,
    info: () => turn('chain', () => application.info()),
    initChain: (genesis) => turn('chain', () => application.initChain(genesis)),
    checkTx: (tx, context) => turn('requests', () => application.checkTx(tx, context)),
    prepareProposal: (context, candidates, maxBytes) =>
      turn('blocks', () => application.prepareProposal(context, candidates, maxBytes)),
    processProposal: (block) => turn('blocks', () => application.processProposal(block)),
    finalizeBlock: (block) => turn('chain', () => application.finalizeBlock(block)),
    commit: (block) => turn('chain', () => application.commit(block)),
    query: (request) => turn('requests', () => application.query(request)),
    ...(snapshots && {
      snapshots: {
        list: () => turn('snapshots', () => snapshots.list()),
        load: (height, format, chunk) => turn('snapshots', () => snapshots.load(height, format, chunk)),
        offer: (snapshot, target) => turn('snapshots', () => snapshots.offer(snapshot, target)),
        apply: (chunk, bytes) => turn('snapshots', () => snapshots.apply(chunk, bytes)),
        ...(snapshots.take && {
          take: (keep: number) => turn('chain', () => snapshots.take?.(keep) ?? Promise.resolve()),
        }),
      },
    }),
    ...(extensions && {
      extensions: {
        extendVote: (block) => turn('blocks', () => extensions.extendVote(block)),
        verifyVoteExtension: (block, voter, extension) =>
          turn('blocks', () => extensions.verifyVoteExtension(block, voter, extension)),
      },
    }),
    close: () => turn('requests', () => application.close()),
  };
}
