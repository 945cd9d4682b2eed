import {
  type Clock,
  type Epoch,
  type Genesis,
  type PeerId,
  type Ports,
  type SecretKey,
  type SignatureSuite,
  type Signer,
  type Statement,
  signedBytes,
  type Transport,
  type Validator,
  type Vote,
} from '@quorate/kernel';
import type { Guise } from '../cluster/member.ts';
import { Lots } from './lots.ts';
import { type Outgoing, read, type Spoken, subjectOf } from './wire.ts';

/** What is the same for all who break the rules in one run. */
export interface Conspiracy {
  readonly genesis: Genesis;
  readonly suite: SignatureSuite;
  /** Everybody's node key. */
  readonly peers: readonly PeerId[];
  /** Who votes in an epoch, in the order of bitmaps; empty while nobody knows. */
  members(epoch: Epoch): readonly Validator[];
  /** Voting keys of all who break the rules. */
  accomplices(): readonly SecretKey[];
  /** What a key, of anybody, signs for another network on which its owner votes too; null for a key that nobody holds. */
  abroad(publicKey: Uint8Array, statement: Statement): Uint8Array | null;
}

/** What a breaker of the rules has at hand. */
export interface Means extends Conspiracy {
  readonly self: PeerId;
  readonly secret: SecretKey;
  /** Begins anew with each message: see {@link Lots}. What is drawn before the first one holds for a whole life. */
  readonly stream: Lots;
  readonly clock: Clock;
  /** Signs anything, without a gate. */
  vote(statement: Statement, signer: number): Vote;
}

/** One message that an honest replica wants to send; returns what leaves instead. */
export type Behaviour = (outgoing: Outgoing, spoken: Spoken | null) => readonly Outgoing[];

/** Makes a behaviour for one life of a process. */
export type Strategy = (means: Means) => Behaviour;

/** Signs whatever it is asked to and remembers nothing: a key without a gate. */
export function rawSigner(genesis: Genesis, secret: SecretKey): Signer {
  return {
    publicKey: secret.publicKey,
    sign: async (statements) =>
      statements.map((statement) => {
        const signature = secret.sign(signedBytes(genesis.chainId, statement));
        return { kind: 'signed', statement, signature } as const;
      }),
    raiseFloor: async () => {},
    issued: () => true,
    signed: () => ({ floor: 0, statements: [] }),
  };
}

/**
 * The honest replica of a validator inside a wire and a signer that are not: a decorator, so the replica itself stays as it is. `seed`
 * and `name`, the validator's, are what its lies are drawn from.
 */
export function disguise(
  strategy: Strategy,
  conspiracy: Conspiracy,
  { seed, name }: { readonly seed: number; readonly name: string },
): Guise {
  const { genesis } = conspiracy;
  let lives = 0;
  return (ports, secret) => {
    const { clock, transport } = ports;
    const lots = new Lots(seed, `byzantine/${name}/${lives++}`);
    const vote = (statement: Statement, signer: number): Vote => {
      return { statement, signer, signature: secret.sign(signedBytes(genesis.chainId, statement)) };
    };
    const behave = strategy({ ...conspiracy, self: transport.self, secret, stream: lots, clock, vote });
    return { ...ports, signer: rawSigner(genesis, secret), transport: bent(transport, behave, { clock, lots }) };
  };
}

function bent(
  transport: Transport,
  behave: Behaviour,
  { clock, lots }: { readonly clock: Clock; readonly lots: Lots },
): Transport {
  return {
    self: transport.self,
    start: (events) => transport.start(events),
    send: (to, traffic, bytes) => {
      const spoken = read(traffic, bytes);
      lots.about(subjectOf({ to, traffic, bytes }, spoken));
      for (const { after = 0, ...message } of behave({ to, traffic, bytes }, spoken)) {
        if (after > 0) clock.after(after, () => transport.send(message.to, message.traffic, message.bytes));
        else transport.send(message.to, message.traffic, message.bytes);
      }
      return true;
    },
    queued: (to, traffic) => transport.queued(to, traffic),
    // Its own honest replica may find fault with what the others answer.
    expel: () => {},
    setMembers: (members) => transport.setMembers(members),
    stop: () => transport.stop(),
  };
}

/** A guise whose every life begins without the journal of the one before. */
export function forgetful(guise: Guise): Guise {
  let lives = 0;
  return (ports, secret) => {
    const life = lives++;
    return { ...guise(ports, secret), disk: hidingJournals(ports.disk, life) };
  };
}

function hidingJournals(disk: Ports['disk'], life: number): Ports['disk'] {
  const hidden = (name: string): string => (name.startsWith('journal/') ? `forgotten/${life}/${name}` : name);
  const shown = (name: string): string => name.replace(`forgotten/${life}/`, '');
  return {
    openFile: (name) => disk.openFile(hidden(name)),
    listFiles: async (prefix) => (await disk.listFiles(hidden(prefix))).map(shown),
    removeFile: (name) => disk.removeFile(hidden(name)),
    replaceFile: (name, bytes) => disk.replaceFile(hidden(name), bytes),
    readFile: (name) => disk.readFile(hidden(name)),
    openStore: (name) => disk.openStore(name),
    usage: () => disk.usage(),
  };
}
