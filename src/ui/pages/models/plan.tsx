// The memory plan: wishes by sliders, and live what they take on each device, whether they fit, why, and what would.
import { useQueryClient } from '@tanstack/react-query';
import { RotateCcw } from 'lucide-react';
import { useDeferredValue, useState } from 'react';
import type { Fit, Model } from '../../api/answers.ts';
import { patch } from '../../api/client.ts';
import { useStatus } from '../../api/queries.ts';
import { FIT_TONES } from '../../app/course.ts';
import { loadModel, stopModel } from '../../app/model-actions.ts';
import { context, size } from '../../format.ts';
import { Button } from '../../parts/button.tsx';
import { CodeBlock } from '../../parts/code-block.tsx';
import { Select } from '../../parts/field.tsx';
import { StackedMeter } from '../../parts/meter.tsx';
import { Notice } from '../../parts/notice.tsx';
import { ExactNumber, Slider } from '../../parts/slider.tsx';
import { ErrorState, Skeleton } from '../../parts/states.tsx';
import { toast, toastError } from '../../parts/toast.tsx';
import { texts } from '../../texts/index.ts';
import { type Entry, type EntryWrite, entryKey, useFit } from './queries.ts';
import {
  AUTOMATIC,
  contextStops,
  isAutomatic,
  nearest,
  picturesOf,
  sentenceOf,
  settingsOf,
  taken,
  type Wishes,
  wayOut,
} from './wishes.ts';

const { plan: words } = texts.models;
/** As many as a configuration takes. */
const MOST_SLOTS = 1024;

interface PlanProps {
  readonly model: Model;
  readonly entry: Entry | undefined;
}

/** What the entry asks for already. */
const wishesOf = (entry: Entry | undefined): Wishes =>
  entry === undefined
    ? AUTOMATIC
    : {
        contextTokens: entry.settings.contextSize || null,
        gpuLayers: entry.settings.gpuLayers,
        cacheType: entry.settings.cacheType,
        slots: entry.settings.parallel,
      };

export function Plan({ model, entry }: PlanProps) {
  const [own, setOwn] = useState<Wishes | null>(null);
  const wishes = own ?? wishesOf(entry);
  const asked = useDeferredValue(wishes);
  const query = useFit(model.id, asked, model.failure === null && !model.isCustom);
  const { data: status } = useStatus();
  const fit = query.data;
  if (query.isError && fit === undefined)
    return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (fit === undefined) return <Skeleton height={360} />;
  const out = wayOut(fit);
  return (
    <div className="column models-plan">
      <Notice
        tone={FIT_TONES[fit.fit]}
        title={sentenceOf(fit)}
        text={fit.inTheWay.length > 0 ? words.inTheWay(fit.inTheWay.join(', ')) : null}
        actions={
          out !== null &&
          fit.wouldFit !== null && (
            <Button isSmall onClick={() => setOwn(taken(wishes, fit.wouldFit ?? {}))}>
              {out}
            </Button>
          )
        }
      />
      <Controls fit={fit} wishes={wishes} onChange={setOwn} />
      <div className="models-pictures" aria-live="off">
        {picturesOf(fit, status?.budget ?? [], model.instance?.reservedBytes ?? {}).map(
          ({ device, name, shares, totalBytes }) => (
            <div key={device} className="models-picture">
              <div className="spread">
                <h3>{name}</h3>
                <span className="dim figures">{size(totalBytes)}</span>
              </div>
              <StackedMeter label={words.picture(name)} shares={shares} total={totalBytes} />
            </div>
          ),
        )}
      </div>
      {fit.fit !== 'does_not_fit' && own !== null && entry !== undefined && entry.lockedBy === null && (
        <Keep model={model} wishes={wishes} onKept={() => setOwn(null)} />
      )}
      <details className="models-more">
        <summary>{words.reasons}</summary>
        <ul className="models-reasons">
          {fit.reasons.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      </details>
      {fit.argv.length > 0 && (
        <details className="models-more">
          <summary>{words.command}</summary>
          <CodeBlock text={fit.argv.join(' ')} label={words.command} title={words.command} isWrapped />
        </details>
      )}
    </div>
  );
}

interface ControlsProps {
  readonly fit: Fit;
  readonly wishes: Wishes;
  readonly onChange: (wishes: Wishes) => void;
}

function Controls({ fit, wishes, onChange }: ControlsProps) {
  const { bounds, plan } = fit;
  const stops = contextStops(bounds.trainedContextTokens, wishes.contextTokens);
  const tokens = wishes.contextTokens ?? plan?.contextTokens ?? stops.at(-1) ?? 0;
  const layers = wishes.gpuLayers ?? plan?.gpuLayers ?? 0;
  const slots = wishes.slots ?? plan?.slotCount ?? 1;
  const hasGpu = Object.keys(fit.freeBytes).some((device) => device !== 'Host');
  const said = (value: string, isOwn: boolean): string => (isOwn ? value : words.automaticIs(value));
  return (
    <div className="models-controls">
      <Slider
        label={words.context}
        value={nearest(stops, tokens)}
        min={0}
        max={stops.length - 1}
        valueText={said(words.contextText(context(tokens)), wishes.contextTokens !== null)}
        help={
          bounds.trainedContextTokens === null ? undefined : words.contextHelp(context(bounds.trainedContextTokens))
        }
        onChange={(index) => onChange({ ...wishes, contextTokens: stops[index] ?? null })}
        exact={
          <ExactNumber
            label={words.context}
            value={wishes.contextTokens}
            min={stops[0] ?? 1}
            max={bounds.trainedContextTokens ?? Number.MAX_SAFE_INTEGER}
            onChange={(contextTokens) => onChange({ ...wishes, contextTokens })}
          />
        }
      />
      {hasGpu ? (
        <Slider
          label={words.layers}
          value={layers}
          min={0}
          max={Math.max(1, bounds.layersTotal)}
          valueText={said(words.layersText(layers, bounds.layersTotal), wishes.gpuLayers !== null)}
          onChange={(gpuLayers) => onChange({ ...wishes, gpuLayers })}
          exact={
            <ExactNumber
              label={words.layers}
              value={wishes.gpuLayers}
              min={0}
              max={bounds.layersTotal}
              onChange={(gpuLayers) => onChange({ ...wishes, gpuLayers })}
            />
          }
        />
      ) : (
        <div className="field">
          <span className="field-label">{words.layers}</span>
          <span className="field-help">{words.layersNone}</span>
        </div>
      )}
      <Slider
        label={words.slots}
        value={slots}
        min={1}
        max={Math.max(16, slots)}
        valueText={said(String(slots), wishes.slots !== null)}
        onChange={(next) => onChange({ ...wishes, slots: next })}
        exact={
          <ExactNumber
            label={words.slots}
            value={wishes.slots}
            min={1}
            max={MOST_SLOTS}
            onChange={(next) => onChange({ ...wishes, slots: next })}
          />
        }
      />
      <Select
        label={words.cache}
        value={wishes.cacheType ?? 'auto'}
        onChange={(type) => onChange({ ...wishes, cacheType: type === 'auto' ? null : type })}
        items={[
          { value: 'auto', label: plan === null ? words.automatic : words.automaticIs(plan.cacheTypeK) },
          ...bounds.cacheTypes.map((type) => ({ value: type as string, label: type })),
        ]}
      />
      {!isAutomatic(wishes) && (
        <Button isSmall icon={<RotateCcw size={14} aria-hidden />} onClick={() => onChange(AUTOMATIC)}>
          {words.reset}
        </Button>
      )}
    </div>
  );
}

interface KeepProps {
  readonly model: Model;
  readonly wishes: Wishes;
  readonly onKept: () => void;
}

function Keep({ model, wishes, onKept }: KeepProps) {
  const client = useQueryClient();
  const [isBusy, setBusy] = useState(false);
  const isLoaded = model.instance?.state === 'ready';
  const keep = async (isLoading: boolean): Promise<void> => {
    setBusy(true);
    try {
      const written = await patch<EntryWrite>('/drover/entry', { model: model.id, settings: settingsOf(wishes) });
      client.setQueryData(entryKey(model.id), written.entry);
      onKept();
      if (isLoading) {
        if (isLoaded) await stopModel(model.id);
        void loadModel(model.id);
      } else toast({ tone: 'ok', title: isLoaded ? words.keptRunning : words.kept });
    } catch (thrown) {
      toastError(thrown);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className="row models-keep">
      <span className="dim">{words.changed}</span>
      <Button isSmall tone="primary" isBusy={isBusy} onClick={() => void keep(true)}>
        {words.keep}
      </Button>
      <Button isSmall isBusy={isBusy} onClick={() => void keep(false)}>
        {words.keepOnly}
      </Button>
    </div>
  );
}
