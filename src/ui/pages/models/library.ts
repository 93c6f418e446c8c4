// Which models are listed, in which order. Pure.
import type { Model } from '../../api/answers.ts';

export type KindFilter = 'all' | 'chat' | 'embedding' | 'reranker' | 'loaded' | 'broken';
export type Order = 'name' | 'size' | 'recent';

export interface Choice {
  readonly query: string;
  readonly kind: KindFilter;
  readonly order: Order;
}

export type ModelState = 'ready' | 'starting' | 'stopping' | 'failed' | 'stopped' | 'broken';

export const stateOf = ({ failure, instance }: Model): ModelState =>
  failure === null ? (instance?.state ?? 'stopped') : 'broken';

const isKind: Readonly<Record<KindFilter, (model: Model) => boolean>> = {
  all: () => true,
  chat: ({ kind, isCustom }) => kind === 'text' || isCustom,
  embedding: ({ kind }) => kind === 'embedding',
  reranker: ({ kind }) => kind === 'reranker',
  loaded: (model) => ['ready', 'starting', 'stopping'].includes(stateOf(model)),
  broken: (model) => ['broken', 'failed'].includes(stateOf(model)),
};

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

const ORDERS: Readonly<Record<Order, (left: Model, right: Model) => number>> = {
  name: () => 0,
  size: (left, right) => (right.sizeBytes ?? -1) - (left.sizeBytes ?? -1),
  recent: (left, right) => right.createdAt - left.createdAt,
};

/** Every word must be somewhere in its names. */
export function listed(models: readonly Model[], { query, kind, order }: Choice): readonly Model[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return models
    .filter((model) => {
      if (!isKind[kind](model)) return false;
      const text = [model.id, model.title, model.quantization ?? '', ...model.aliases].join(' ').toLowerCase();
      return words.every((word) => text.includes(word));
    })
    .sort((left, right) => ORDERS[order](left, right) || collator.compare(left.id, right.id));
}
