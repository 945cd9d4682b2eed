import {
  type Clock,
  type Genesis,
  type PeerId,
  type Ports,
  type SecretKey,
  type Signer,
  type Statement,
  signedBytes,
  type Transport,
  type Vote,
} from '@quorate/kernel';
import type { Guise } from '../cluster/member.ts';
import type { Stream } from '../random.ts';
import { type Outgoing, read, type Spoken } from './wire.ts';

/** What a breaker of the rules has at hand. */
export interface Means {
  readonly genesis: Genesis;
  readonly self: PeerId;
  readonly secret: SecretKey;
  readonly stream: Stream;
  readonly clock: Clock;
  /** Everybody's node key. */
  readonly peers: readonly PeerId[];
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

/** The honest replica of a validator inside a wire and a signer that are not: a decorator, so the replica itself stays as it is. */
export function disguise(
  strategy: Strategy,
  { genesis, peers, stream }: Pick<Means, 'genesis' | 'peers' | 'stream'>,
): Guise {
  return (ports, secret) => {
    const { clock, transport } = ports;
    const vote = (statement: Statement, signer: number): Vote => {
      return { statement, signer, signature: secret.sign(signedBytes(genesis.chainId, statement)) };
    };
    const behave = strategy({ genesis, self: transport.self, secret, stream, clock, peers, vote });
    return { ...ports, signer: rawSigner(genesis, secret), transport: bent(transport, behave, clock) };
  };
}

function bent(transport: Transport, behave: Behaviour, clock: Clock): Transport {
  return {
    self: transport.self,
    start: (events) => transport.start(events),
    send: (to, traffic, bytes) => {
      for (const { after = 0, ...message } of behave({ to, traffic, bytes }, read(traffic, bytes))) {
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
