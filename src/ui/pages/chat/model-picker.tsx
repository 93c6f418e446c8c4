// Which model answers: found by a few letters, each with what it is and whether it is loaded.
import { Combobox } from '@base-ui/react/combobox';
import { Check, ChevronsUpDown } from 'lucide-react';
import type { Model } from '../../api/answers.ts';
import { compact, context, size } from '../../format.ts';
import { texts } from '../../texts/index.ts';

interface PickerProps {
  readonly models: readonly Model[];
  readonly modelId: string | null;
  readonly onChoose: (modelId: string) => void;
}

const wordsOf = (model: Model): string => [model.id, model.title, ...model.aliases].join(' ').toLowerCase();

export function ModelPicker({ models, modelId, onChoose }: PickerProps) {
  const words = texts.chat.model;
  const chosen = models.find(({ id }) => id === modelId) ?? null;
  const name = modelId === null ? words.choose : chosen === null ? words.gone(modelId) : chosen.id;
  return (
    <Combobox.Root
      items={[...models]}
      value={chosen}
      autoHighlight
      itemToStringLabel={(model: Model) => model.id}
      isItemEqualToValue={(left: Model, right: Model) => left.id === right.id}
      filter={(model: Model, query: string) =>
        query
          .toLowerCase()
          .split(/\s+/)
          .every((word) => wordsOf(model).includes(word))
      }
      onValueChange={(model: Model | null) => {
        if (model !== null) onChoose(model.id);
      }}
    >
      <Combobox.Trigger className="chat-model" aria-label={`${words.label}: ${name}`}>
        <StateDot model={chosen} />
        <span className="truncate">{name}</span>
        <ChevronsUpDown size={14} aria-hidden />
      </Combobox.Trigger>
      <Combobox.Portal>
        <Combobox.Positioner sideOffset={4} align="start" className="layer-top">
          <Combobox.Popup className="menu chat-models" aria-label={words.choose}>
            <Combobox.Input className="input" placeholder={words.search} aria-label={words.search} />
            <Combobox.Empty>
              <span className="chat-models-none dim">{words.nothing}</span>
            </Combobox.Empty>
            <Combobox.List className="chat-models-list">
              {(model: Model) => (
                <Combobox.Item key={model.id} value={model} className="menu-item chat-models-item">
                  <StateDot model={model} />
                  <span className="chat-models-text">
                    <span className="truncate">{model.id}</span>
                    <span className="dim small truncate">{factsOf(model)}</span>
                  </span>
                  <Combobox.ItemIndicator>
                    <Check size={15} aria-hidden />
                  </Combobox.ItemIndicator>
                </Combobox.Item>
              )}
            </Combobox.List>
          </Combobox.Popup>
        </Combobox.Positioner>
      </Combobox.Portal>
    </Combobox.Root>
  );
}

/** What is known of it, in a line. */
const factsOf = (model: Model): string =>
  [
    texts.chat.model.states[model.instance?.state ?? 'stopped'],
    model.parameterCount === null ? '' : compact(model.parameterCount),
    model.quantization ?? '',
    model.sizeBytes === null ? '' : size(model.sizeBytes),
    model.contextTokens === null ? '' : texts.chat.model.context(context(model.contextTokens)),
    model.hasVision ? texts.chat.model.vision : '',
  ]
    .filter((text) => text !== '')
    .join(' · ');

function StateDot({ model }: { readonly model: Model | null }) {
  const state = model?.instance?.state ?? 'stopped';
  const isDegraded = model?.instance?.verdict?.outcome === 'degraded';
  const tone = state === 'ready' ? (isDegraded ? 'warn' : 'ok') : state === 'failed' ? 'bad' : state;
  return <span className={`chat-dot chat-dot-${tone}`} aria-hidden />;
}
