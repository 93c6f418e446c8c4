// The settings of one chat, at the side: what the model is told first, and how it chooses its words. What is empty is the
// model's own default, and shown as such.
import { useState } from 'react';
import { Button } from '../../parts/button.tsx';
import { Dialog } from '../../parts/dialog.tsx';
import { NumberField, TextArea } from '../../parts/field.tsx';
import { texts } from '../../texts/index.ts';
import { type ChatSettings, NO_SAMPLING, type Sampling } from './chat.ts';

type FieldName = Exclude<keyof Sampling, 'stop'>;

/** As the server takes them. */
const LIMITS: readonly (readonly [name: FieldName, min: number, max: number, step: number])[] = [
  ['temperature', 0, 10, 0.1],
  ['topP', 0, 1, 0.05],
  ['topK', 0, 1_000_000, 1],
  ['minP', 0, 1, 0.01],
  ['repeatPenalty', 0, 10, 0.05],
  ['presencePenalty', -2, 2, 0.1],
  ['frequencyPenalty', -2, 2, 0.1],
  ['maxTokens', 1, 100_000_000, 1],
  ['seed', 0, 4_294_967_295, 1],
];

interface SheetProps {
  readonly settings: ChatSettings;
  readonly onChange: (settings: ChatSettings) => void;
  readonly onClose: () => void;
}

export function SettingsSheet({ settings, onChange, onClose }: SheetProps) {
  const [systemPrompt, setSystemPrompt] = useState(settings.systemPrompt);
  const [sampling, setSampling] = useState(settings.sampling);
  const [stop, setStop] = useState(settings.sampling.stop.join('\n'));
  const words = texts.chat.settings;
  const done = (): void => {
    const stops = [...new Set(stop.split('\n').filter((line) => line !== ''))].slice(0, 16);
    const next = { ...settings, systemPrompt, sampling: { ...sampling, stop: stops } };
    if (JSON.stringify(next) !== JSON.stringify(settings)) onChange(next);
    onClose();
  };
  return (
    <Dialog
      isOpen
      shape="sheet"
      onClose={done}
      title={words.title}
      text={words.text}
      actions={
        <>
          <Button
            tone="ghost"
            onClick={() => {
              setSampling(NO_SAMPLING);
              setStop('');
            }}
          >
            {words.reset}
          </Button>
          <Button tone="primary" onClick={done}>
            {words.done}
          </Button>
        </>
      }
    >
      <TextArea
        label={words.systemPrompt}
        help={words.systemPromptHelp}
        placeholder={words.systemPromptNone}
        value={systemPrompt}
        rows={5}
        onChange={setSystemPrompt}
      />
      <div className="chat-sampling">
        {LIMITS.map(([name, min, max, step]) => (
          <NumberField
            key={name}
            label={words.fields[name][0]}
            help={words.fields[name][1]}
            value={sampling[name]}
            min={min}
            max={max}
            step={step}
            placeholder={words.default}
            format={{ maximumFractionDigits: 3, useGrouping: false }}
            onChange={(value) => setSampling({ ...sampling, [name]: value })}
          />
        ))}
      </div>
      <TextArea label={words.stop} help={words.stopHelp} placeholder={words.default} value={stop} onChange={setStop} />
    </Dialog>
  );
}
