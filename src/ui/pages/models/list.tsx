// The library: search, filter, order, and one line per model.
import { Eye, Wrench } from 'lucide-react';
import { useState } from 'react';
import { Link } from 'wouter';
import type { Model } from '../../api/answers.ts';
import { STATE_TONES } from '../../app/course.ts';
import { compact, size } from '../../format.ts';
import { Badge, type Tone } from '../../parts/badge.tsx';
import { ButtonLink } from '../../parts/button.tsx';
import { SearchField, Select } from '../../parts/field.tsx';
import { EmptyState } from '../../parts/states.tsx';
import { texts } from '../../texts/index.ts';
import { type KindFilter, listed, type ModelState, type Order, stateOf } from './library.ts';

const words = texts.models;

export const toneOf = (state: ModelState): Tone => (state === 'broken' ? 'bad' : STATE_TONES[state]);

const entriesOf = <K extends string>(names: Readonly<Record<K, string>>) =>
  (Object.entries(names) as [K, string][]).map(([value, label]) => ({ value, label }));

interface ListProps {
  readonly models: readonly Model[];
  readonly chosen: string | null;
}

export function ModelList({ models, chosen }: ListProps) {
  const [query, setQuery] = useState('');
  const [kind, setKind] = useState<KindFilter>('all');
  const [order, setOrder] = useState<Order>('name');
  const shown = listed(models, { query, kind, order });
  return (
    <div className="models-library">
      <div className="models-filters">
        <SearchField label={words.search} value={query} onChange={setQuery} />
        <Select label={words.kind} isLabelHidden value={kind} onChange={setKind} items={entriesOf(words.kinds)} />
        <Select label={words.sort} isLabelHidden value={order} onChange={setOrder} items={entriesOf(words.sorts)} />
      </div>
      {models.length === 0 ? (
        <EmptyState
          title={words.none.title}
          text={words.none.text}
          actions={
            <ButtonLink to="/get" tone="primary">
              {words.get}
            </ButtonLink>
          }
        />
      ) : shown.length === 0 ? (
        <EmptyState title={words.none.found} />
      ) : (
        <nav aria-label={words.list}>
          <ul className="models-list">
            {shown.map((model) => (
              <li key={model.id}>
                <Row model={model} isChosen={model.id === chosen} />
              </li>
            ))}
          </ul>
        </nav>
      )}
    </div>
  );
}

function Row({ model, isChosen }: { readonly model: Model; readonly isChosen: boolean }) {
  const state = stateOf(model);
  const figures = [
    model.parameterCount === null ? null : compact(model.parameterCount),
    model.quantization,
    model.sizeBytes === null ? null : size(model.sizeBytes),
  ].filter((figure) => figure !== null);
  return (
    <Link
      href={`/models/${encodeURIComponent(model.id)}`}
      className="models-row"
      aria-current={isChosen ? 'true' : undefined}
    >
      <span className="models-name">
        <span className="truncate">{model.title}</span>
        {model.hasVision && <Eye size={14} aria-label={words.vision} />}
        {model.canUseTools && <Wrench size={14} aria-label={words.tools} />}
      </span>
      <span className="models-state">
        {state !== 'stopped' && (
          <Badge tone={toneOf(state)} isLive={state === 'starting'}>
            {words.state[state]}
          </Badge>
        )}
      </span>
      <span className="models-id dim truncate">{model.id}</span>
      <span className="models-figures dim figures">{figures.join(' · ')}</span>
    </Link>
  );
}
