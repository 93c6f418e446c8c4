// Snippets for programs, filled with this origin, a model that was chosen, and on demand the key of this browser.
import { useState } from 'react';
import { keptKey } from '../../api/key.ts';
import { isChatModel, useModels } from '../../api/queries.ts';
import { Card } from '../../parts/card.tsx';
import { CodeBlock } from '../../parts/code-block.tsx';
import { Select, Switch } from '../../parts/field.tsx';
import { Skeleton } from '../../parts/states.tsx';
import { Tabs } from '../../parts/tabs.tsx';
import { texts } from '../../texts/index.ts';
import { useMe } from './keys.ts';
import { SNIPPETS, type Snippet, type SnippetPlace } from './snippets.ts';

const { snippets: words } = texts.api;
const GROUPS = ['code', 'agents', 'editors'] as const;
type Group = (typeof GROUPS)[number];

export function Connect() {
  const { data: models = [], isPending } = useModels();
  const { data: me, isPending: isUnknown } = useMe();
  const usable = models.filter(isChatModel);
  const [chosen, setChosen] = useState<string | null>(null);
  const [hasKey, setHasKey] = useState(false);
  const [group, setGroup] = useState<Group>('code');
  const loaded = usable.find(({ instance }) => instance?.state === 'ready');
  const model = usable.find(({ id }) => id === chosen) ?? loaded ?? usable[0];
  const kept = keptKey();
  const needsKey = me?.requiresKey === true;
  const place: SnippetPlace = {
    origin: location.origin,
    model: model?.id ?? 'my-model',
    key: !needsKey ? null : hasKey && kept !== null ? kept : words.placeholder,
    contextTokens: model?.contextTokens ?? null,
  };
  return (
    <Card title={words.title} text={words.text}>
      <div className="api-choices">
        {isPending ? (
          <Skeleton height={58} />
        ) : model === undefined ? (
          <p className="dim">{words.noModel}</p>
        ) : (
          <Select
            label={words.model}
            value={model.id}
            onChange={setChosen}
            items={usable.map(({ id }) => ({ value: id, label: id }))}
          />
        )}
        {needsKey && kept !== null && (
          <Switch label={words.fillKey} help={words.fillKeyHelp} isOn={hasKey} onChange={setHasKey} />
        )}
      </div>
      {/* Nothing is shown for copying before it is known whether it is right. */}
      {isPending || isUnknown ? (
        <Skeleton height={250} />
      ) : (
        <Tabs
          label={words.kind}
          value={group}
          onChange={setGroup}
          tabs={GROUPS.map((value) => ({
            value,
            label: words.groups[value],
            content: (
              <Group
                snippets={SNIPPETS.filter((snippet) => snippet.group === value)}
                place={place}
                needsKey={needsKey}
              />
            ),
          }))}
        />
      )}
    </Card>
  );
}

interface GroupProps {
  readonly snippets: readonly Snippet[];
  readonly place: SnippetPlace;
  readonly needsKey: boolean;
}

function Group({ snippets, place, needsKey }: GroupProps) {
  const [id, setId] = useState(snippets[0]?.id ?? '');
  const snippet = snippets.find((one) => one.id === id);
  if (snippet === undefined) return null;
  const where = snippet.file === null ? null : words.into(snippet.file);
  return (
    <div className="column">
      <fieldset className="api-programs">
        <legend className="only-read">{words.program}</legend>
        {snippets.map((one) => (
          <label key={one.id} className={one.id === id ? 'api-program api-program-chosen' : 'api-program'}>
            <input
              type="radio"
              name={`program-${snippet.group}`}
              checked={one.id === id}
              onChange={() => setId(one.id)}
            />
            {one.name}
          </label>
        ))}
      </fieldset>
      <CodeBlock
        text={snippet.text(place)}
        title={where ?? (snippet.group === 'code' && snippet.id !== 'curl' ? words.inProgram : words.terminal)}
        label={snippet.name}
        isWrapped
      />
      {snippet.id === 'zed' && needsKey && <p className="field-help">{words.zedKey}</p>}
    </div>
  );
}
