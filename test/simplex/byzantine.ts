import { type Block, blockOfHeader, type Statement } from '@quorate/kernel';
import type { Decorator } from './network.ts';
import { CHAIN, digestOfText, sha256, voteBy } from './world.ts';

/** Hears everything, says nothing. */
export const silent: Decorator = (network, self, effects) => {
  for (const effect of effects)
    if (effect.kind !== 'send' && effect.kind !== 'broadcast') network.perform(self, effect);
};

/** Follows the protocol's views but nullifies every one of them and supports no block. */
export const nullifyOnly: Decorator = (network, self, effects) => {
  for (const effect of effects) {
    if (effect.kind === 'sign' && effect.statement.kind !== 'nullify') continue;
    network.perform(self, effect);
    if (effect.kind === 'setTimer' && effect.timer.endsWith('/advance')) {
      const view = Number(effect.timer.split('/')[0]);
      const vote = voteBy(self.index, { kind: 'nullify', epoch: 0, view });
      for (const to of network.nodes) if (to !== self) network.transmit(self, to, { kind: 'vote', vote });
    }
  }
};

/** Proposes different blocks to different validators, and votes for everything it hears of, to some of them each. */
export const equivocator: Decorator = (network, self, effects) => {
  const tell = (statement: Statement): void => {
    const vote = voteBy(self.index, statement);
    for (const to of network.nodes) {
      if (to !== self && network.random() < 0.7) network.transmit(self, to, { kind: 'vote', vote });
    }
  };
  for (const effect of effects) {
    if (effect.kind === 'verify') {
      for (const item of effect.items) {
        const { statement } = item.kind === 'vote' ? item.vote : item.certificate;
        const { epoch, view } = statement;
        tell({ kind: 'nullify', epoch, view });
        if (statement.kind !== 'nullify') {
          tell({ kind: 'notarize', epoch, view, block: statement.block });
          tell({ kind: 'finalize', epoch, view, block: statement.block });
        }
      }
    }
    if (effect.kind === 'broadcast' && effect.message.kind === 'proposal') {
      const { message } = effect;
      const twin: Block = blockOfHeader(sha256, CHAIN, { ...message.header, txRoot: digestOfText('twin') });
      self.blocks.set(twin.ref.digest, twin);
      const { epoch, view } = twin.ref;
      const { signature } = voteBy(self.index, { kind: 'notarize', epoch, view, block: twin.ref.digest });
      for (const to of network.nodes) {
        if (to === self) continue;
        const draw = network.random();
        if (draw < 0.7) network.transmit(self, to, message);
        if (draw > 0.4) network.transmit(self, to, { ...message, header: twin.header, signature });
      }
      continue;
    }
    network.perform(self, effect);
  }
};
