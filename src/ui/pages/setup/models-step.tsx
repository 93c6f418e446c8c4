// The second step: the models that are here, those on their way, one that suits, or a folder to look into.
import { Search } from 'lucide-react';
import { useId } from 'react';
import type { Download, Model } from '../../api/answers.ts';
import { DownloadRow } from '../../app/download-row.tsx';
import { openDownloads } from '../../app/downloads.ts';
import { size } from '../../format.ts';
import { Badge } from '../../parts/badge.tsx';
import { ButtonLink } from '../../parts/button.tsx';
import { texts } from '../../texts/index.ts';
import { FolderForm } from './folder-form.tsx';
import { RecommendedList } from './recommended-list.tsx';
import { Step } from './step.tsx';
import type { StepState } from './steps.ts';

interface ModelsStepProps {
  readonly state: StepState;
  readonly usable: readonly Model[];
  readonly broken: readonly Model[];
  readonly downloads: readonly Download[];
  readonly chosen: Model | null;
  readonly onChoose: (modelId: string) => void;
}

const SHOWN = 6;

export function ModelsStep({ state, usable, broken, downloads, chosen, onChoose }: ModelsStepProps) {
  const { models: words } = texts.setup;
  const open = openDownloads(downloads);
  return (
    <Step number={2} state={state} title={words.title}>
      {usable.length > 0 && <Found usable={usable} chosen={chosen} onChoose={onChoose} />}
      {broken.map(({ id, failure }) => (
        <p key={id} className="small setup-broken">
          <Badge tone="warn">{words.unusable}</Badge>
          <span>{`${id}: ${failure}`}</span>
        </p>
      ))}
      {open.length > 0 && (
        <section className="column" aria-label={texts.downloads.title}>
          <ul className="setup-downloads">
            {open.map((job) => (
              <DownloadRow key={job.id} download={job} />
            ))}
          </ul>
        </section>
      )}
      <RecommendedList downloads={downloads} isFolded={usable.length > 0} />
      <FolderForm />
      <div>
        <ButtonLink to="/get" isSmall icon={<Search size={14} aria-hidden />}>
          {words.search}
        </ButtonLink>
      </div>
    </Step>
  );
}

type FoundProps = Pick<ModelsStepProps, 'usable' | 'chosen' | 'onChoose'>;

function Found({ usable, chosen, onChoose }: FoundProps) {
  const { models: words } = texts.setup;
  const name = useId();
  return (
    <fieldset className="setup-choice">
      <legend>
        <span className="home-strong">{words.found(usable.length)}</span>
        <span className="dim small">{words.choose}</span>
      </legend>
      {usable.slice(0, SHOWN).map((model) => (
        <label key={model.id} className="setup-model">
          <input
            type="radio"
            name={name}
            value={model.id}
            checked={model.id === chosen?.id}
            onChange={() => onChoose(model.id)}
          />
          <span className="truncate" title={model.path ?? model.id}>
            {model.id}
          </span>
          <span className="dim small figures">{model.sizeBytes === null ? '' : size(model.sizeBytes)}</span>
        </label>
      ))}
      {usable.length > SHOWN && <p className="dim small">{words.more(usable.length - SHOWN)}</p>}
    </fieldset>
  );
}
