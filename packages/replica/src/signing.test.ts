import { sha256 } from '@quorate/crypto';
import {
  Bitmap,
  type Certificate,
  certify,
  compareBytes,
  type QuorateError,
  type Signer,
  type Statement,
  signedBytes,
  ValidatorSet,
  type Vote,
} from '@quorate/kernel';
import { simulatedSuite } from '@quorate/sim';
import { describe, expect, it } from 'vitest';
import { Counters } from './counters.ts';
import { Signing } from './signing.ts';

const SELF = 3;
const OTHERS = [0, 1, 2];
const DELTA = 1000;

/** The signing side of one validator of four, with what its peers show it. Every signature check is counted. */
class Watch {
  readonly suite = simulatedSuite();
  readonly secrets = [0, 1, 2, 3]
    .map((index) => this.suite.secretFromSeed(sha256(Uint8Array.of(index))))
    .sort((a, b) => compareBytes(a.publicKey, b.publicKey)); // the order of a validator set
  readonly validators = new ValidatorSet(
    this.secrets.map(({ publicKey }, index) => ({
      publicKey,
      weight: 1,
      proof: new Uint8Array(),
      peer: `${index}`.repeat(64),
      address: '',
    })),
  );
  readonly blamed: string[] = [];
  readonly issued = new Set<string>();
  readonly signing: Signing;
  checks = 0;
  now = 10_000;
  view = 10;
  halted: QuorateError | null = null;
  hearing = true;
  alarm: { readonly at: number; readonly ring: () => void } | null = null;

  readonly lines: string[] = [];

  constructor(options: { readonly listen: boolean; readonly gate?: string; readonly listed?: boolean }) {
    const signer: Signer = {
      publicKey: this.secrets[SELF]?.publicKey ?? null,
      silent: options.gate ?? null,
      sign: (statements) => {
        for (const statement of statements) this.issued.add(JSON.stringify(statement));
        return Promise.resolve(statements.map((statement) => this.#signed(statement)));
      },
      raiseFloor: () => Promise.resolve(),
      issued: (statement) => this.issued.has(JSON.stringify(statement)),
    };
    this.signing = new Signing(
      { delta: DELTA, listen: options.listen },
      {
        signer,
        clock: {
          now: () => this.now,
          after: (delay, ring) => {
            this.alarm = { at: this.now + delay, ring };
            return () => {
              this.alarm = null;
            };
          },
        },
        now: () => this.now,
        counters: new Counters(),
        log: (_level, message) => void this.lines.push(message),
        answer: () => {},
        progress: () => ({ view: this.view, syncing: false }),
        hearing: () => this.hearing,
        listed: () => options.listed ?? true,
        blame: (peer) => this.blamed.push(peer),
        halt: (error) => {
          this.halted = error;
        },
      },
    );
    const counted = {
      ...this.suite,
      verify: (item: Parameters<typeof this.suite.verify>[0]) => {
        this.checks++;
        return this.suite.verify(item);
      },
      verifyAggregate: (...of: Parameters<typeof this.suite.verifyAggregate>) => {
        this.checks++;
        return this.suite.verifyAggregate(...of);
      },
    };
    this.signing.enter(0, SELF, { chainId: 'test', suite: counted, validators: this.validators }, 5);
    this.signing.begin();
    this.signing.flush();
  }

  #signed(statement: Statement): { kind: 'signed'; statement: Statement; signature: Uint8Array } {
    return { kind: 'signed', statement, signature: this.vote(statement).signature };
  }

  /** Signs something with our own gate: from then on it votes. */
  async votes(): Promise<void> {
    this.signing.ask(nullify(this.view));
    this.signing.flush();
    await Promise.resolve();
    await Promise.resolve();
  }

  vote(statement: Statement, signer = SELF): Vote {
    const signature = this.secrets[signer]?.sign(signedBytes('test', statement)) ?? new Uint8Array();
    return { statement, signer, signature };
  }

  /** A certificate that our key signed too. */
  certificate(statement: Statement): Certificate {
    const votes = [0, 1, SELF].map((signer) => this.vote(statement, signer));
    return certify({ suite: this.suite, validators: this.validators }, votes);
  }
}

const nullify = (view: number, epoch = 0): Statement => ({ kind: 'nullify', epoch, view });
const garbage = (length: number): Uint8Array => new Uint8Array(length).fill(7);

describe('the watch for a second process with our key', () => {
  it('takes a signature of ours that we did not make for what it is, in a vote or in a certificate', async () => {
    for (const inVote of [true, false]) {
      const watch = new Watch({ listen: false });
      await watch.votes();
      if (inVote) watch.signing.watch('peer', [watch.vote(nullify(12))], []);
      else watch.signing.watch('peer', [], [watch.certificate(nullify(12))]);
      expect(watch.halted?.code).toBe('gate/duplicate-key');
    }
  });

  it('checks nothing that cannot matter', async () => {
    const watch = new Watch({ listen: false });
    await watch.votes();
    const of = (signers: Uint8Array, statement = nullify(12)): Certificate => ({
      statement,
      signers,
      signature: garbage(48),
    });
    const votes = [
      watch.vote(nullify(10)), // ours
      watch.vote(nullify(5)), // at the floor
      watch.vote(nullify(12, 1)), // of another epoch
      watch.vote(nullify(12), 0), // of somebody else
    ];
    const certificates = [
      of(Bitmap.of(4, OTHERS)),
      of(new Uint8Array()),
      watch.certificate(nullify(10)),
      watch.certificate(nullify(4)),
    ];
    watch.signing.watch('peer', votes, certificates);
    expect([watch.checks, watch.blamed, watch.halted]).toEqual([0, [], null]);
  });

  it('is not kept busy by what does not hold: one check per peer and Δ, and the peer is blamed', async () => {
    const watch = new Watch({ listen: false });
    await watch.votes();
    const forged = Array.from({ length: 4096 }, (_, index) => ({
      ...watch.certificate(nullify(20 + index)),
      signature: garbage(48),
    }));
    const votes = forged.map(({ statement }) => ({ statement, signer: SELF, signature: garbage(16) }));
    for (let i = 0; i < 10; i++) {
      watch.signing.watch('liar', votes, []);
      watch.signing.watch('liar', [], forged);
      watch.signing.watch('other liar', [], forged);
    }
    expect([watch.checks, watch.blamed]).toEqual([2, ['liar', 'other liar']]);
    watch.now += DELTA;
    watch.signing.watch('liar', votes, []);
    expect(watch.checks).toBe(3);
    watch.signing.watch('honest', [], [watch.certificate(nullify(12))]);
    expect(watch.halted?.code).toBe('gate/duplicate-key');
  });

  it('spends no check on a signature or a set of signers of the wrong size', async () => {
    const watch = new Watch({ listen: false });
    await watch.votes();
    const odd: readonly Partial<Certificate>[] = [
      { signers: new Uint8Array(2).fill(0xff), signature: garbage(48) },
      { signers: Bitmap.of(4, [SELF]), signature: garbage(16) },
      { signature: garbage(64_000) },
      { signature: new Uint8Array() },
    ];
    odd.forEach((part, index) => {
      watch.signing.watch(`peer ${index}`, [], [{ ...watch.certificate(nullify(12)), ...part }]);
    });
    [0, 15, 8192].forEach((length) => {
      watch.signing.watch(`voter ${length}`, [{ ...watch.vote(nullify(12)), signature: garbage(length) }], []);
    });
    expect([watch.checks, watch.blamed.length, watch.halted]).toEqual([0, 7, null]);
  });
});

describe('listening', () => {
  it('ends in silence when our key votes in views that began since', () => {
    const watch = new Watch({ listen: true });
    watch.signing.watch('peer', [], [watch.certificate(nullify(10))]); // an earlier life may have signed it
    expect(watch.signing.silent).toMatch(/listening/);
    watch.signing.watch('peer', [], [watch.certificate(nullify(11))]);
    expect(watch.signing.silent).toMatch(/another process signs with this key/);
  });

  it('is not ended, and does not last longer, by what does not hold', () => {
    const watch = new Watch({ listen: true });
    for (let view = 11; view < 20; view++) {
      watch.signing.watch('liar', [{ statement: nullify(view), signer: SELF, signature: garbage(16) }], []);
      watch.signing.watch('liar', [], [{ ...watch.certificate(nullify(view + 1000)), signature: garbage(48) }]);
    }
    expect(watch.signing.silent).toMatch(/listening/);
    watch.now += DELTA;
    watch.view += 4;
    watch.signing.flush();
    expect(watch.signing.silent).toBeNull();
  });

  it('lasts its whole time under another node key than the set lists: peers would take a second process in', () => {
    const watch = new Watch({ listen: true, listed: false });
    watch.now += DELTA;
    watch.view += 400;
    watch.signing.flush();
    watch.signing.flush();
    expect(watch.signing.silent).toMatch(/listening/);
    expect(watch.alarm?.at).toBe(10_000 + 4 * DELTA);
    watch.alarm?.ring();
    expect(watch.signing.silent).toBeNull();
  });

  it('does not say that it votes when the gate stays silent', () => {
    for (const gate of [undefined, 'silent through epoch 13']) {
      const watch = new Watch({ listen: true, ...(gate !== undefined && { gate }) });
      watch.now += DELTA;
      watch.view += 4;
      watch.signing.flush();
      expect(watch.signing.silent).toBeNull();
      expect(watch.lines).toEqual([
        expect.stringMatching(gate === undefined ? /: voting$/ : /; it signs nothing yet$/),
      ]);
    }
  });

  it('does not take what an earlier life signed far above for a second process, but what is signed from there on', () => {
    const watch = new Watch({ listen: true });
    watch.signing.watch('peer', [], [watch.certificate(nullify(500))]);
    watch.view = 501; // carried there by that certificate
    watch.signing.flush();
    watch.signing.watch('peer', [], [watch.certificate(nullify(499)), watch.certificate(nullify(501))]);
    expect(watch.signing.silent).toMatch(/listening/);
    watch.view = 502;
    watch.signing.watch('peer', [], [watch.certificate(nullify(502))]);
    expect(watch.signing.silent).toMatch(/another process signs with this key/);
  });
});
