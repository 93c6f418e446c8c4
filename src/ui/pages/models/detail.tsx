// One model: its state and what can be done, what it would take, what its file says, what is set.
import { ArrowLeft, Pin } from 'lucide-react';
import { useState } from 'react';
import { Link } from 'wouter';
import type { Model } from '../../api/answers.ts';
import { useVerdicts } from '../../api/queries.ts';
import { Badge } from '../../parts/badge.tsx';
import { Card } from '../../parts/card.tsx';
import { Notice } from '../../parts/notice.tsx';
import { Loaded } from '../../parts/states.tsx';
import { Tabs } from '../../parts/tabs.tsx';
import { texts } from '../../texts/index.ts';
import { Actions, LoadingState } from './actions.tsx';
import { DeleteModel } from './delete-model.tsx';
import { EntryForm } from './entry-form.tsx';
import { ModelFacts } from './facts.tsx';
import { stateOf } from './library.ts';
import { toneOf } from './list.tsx';
import { Plan } from './plan.tsx';
import { useEntry } from './queries.ts';
import { VerdictCard } from './verdict.tsx';

const words = texts.models;
type Part = keyof typeof words.tabs;

export function ModelDetail({ model }: { readonly model: Model }) {
  const [part, setPart] = useState<Part>('plan');
  const [isGoing, setGoing] = useState(false);
  const entry = useEntry(model.id);
  const { data: verdicts = [] } = useVerdicts();
  const state = stateOf(model);
  const isPlanned = model.failure === null && !model.isCustom;
  const verdict = model.instance?.verdict ?? verdicts.findLast(({ modelId }) => modelId === model.id) ?? null;
  const contents: Readonly<Record<Part, React.ReactNode>> = {
    plan: isPlanned ? <Plan key={model.id} model={model} entry={entry.data} /> : null,
    details: <ModelFacts model={model.id} />,
    settings: <Loaded query={entry}>{(data) => <EntryForm key={model.id} entry={data} />}</Loaded>,
  };
  const parts = (Object.keys(words.tabs) as Part[]).filter((one) => one !== 'plan' || isPlanned);
  return (
    <article className="models-detail column" aria-label={model.title}>
      <Link href="/models" className="models-back">
        <ArrowLeft size={15} aria-hidden />
        {words.back}
      </Link>
      <header className="spread">
        <div className="models-heading">
          <h2>{model.title}</h2>
          <div className="row">
            <Badge tone={toneOf(state)} isLive={state === 'starting'}>
              {words.state[state]}
            </Badge>
            {model.instance?.isPinned === true && <Badge icon={<Pin size={12} aria-hidden />}>{words.pinned}</Badge>}
            <code className="dim">{model.id}</code>
          </div>
        </div>
        <Actions model={model} onDelete={() => setGoing(true)} />
      </header>
      {model.description !== null && <p className="dim">{model.description}</p>}
      {model.failure !== null && <Notice tone="bad" title={words.broken} text={model.failure} />}
      <LoadingState model={model} />
      {verdict !== null && <VerdictCard verdict={verdict} />}
      <Card>
        <Tabs
          label={words.tabsLabel}
          value={parts.includes(part) ? part : 'details'}
          onChange={setPart}
          tabs={parts.map((value) => ({ value, label: words.tabs[value], content: contents[value] }))}
        />
      </Card>
      {isGoing && <DeleteModel model={model} onClose={() => setGoing(false)} />}
    </article>
  );
}
