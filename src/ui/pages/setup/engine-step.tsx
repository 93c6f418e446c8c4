// The first step: what this machine is, which engine suits it, how far it has come, or why there is none and what to do.
import { RotateCw } from 'lucide-react';
import { useState } from 'react';
import type { Visit } from '../../api/answers.ts';
import { post } from '../../api/client.ts';
import { keys, queryClient, useHardware } from '../../api/queries.ts';
import { ratioOf } from '../../app/downloads.ts';
import { useServerEvents } from '../../app/live.ts';
import { size } from '../../format.ts';
import { Button, ButtonLink } from '../../parts/button.tsx';
import { Progress } from '../../parts/meter.tsx';
import { Notice } from '../../parts/notice.tsx';
import { Skeleton } from '../../parts/states.tsx';
import { toastError } from '../../parts/toast.tsx';
import { texts } from '../../texts/index.ts';
import { Step } from './step.tsx';
import type { StepState } from './steps.ts';

interface EngineStepProps {
  readonly state: StepState;
  readonly visit: Visit | undefined;
}

export function EngineStep({ state, visit }: EngineStepProps) {
  const { engine: words } = texts.setup;
  useServerEvents((event) => {
    if (event.type !== 'engine.progress') return;
    const { stage, doneBytes, totalBytes } = event;
    queryClient.setQueryData<Visit>(
      keys.setup,
      (known) => known && { ...known, engine: { ...known.engine, progress: { stage, doneBytes, totalBytes } } },
    );
  });
  return (
    <Step number={1} state={state} title={words.title}>
      <MachineLine />
      {visit === undefined ? <Skeleton lines={2} /> : <Engine visit={visit} />}
    </Step>
  );
}

function MachineLine() {
  const { data } = useHardware();
  const { machine } = texts.home;
  if (data === undefined) return <Skeleton />;
  const { cpu, memory, gpus } = data;
  const parts = [
    `${cpu.name ?? machine.processor} (${machine.threads(cpu.usableThreads)})`,
    machine.free(size(memory.availableBytes), size(memory.totalBytes)),
    ...(gpus.length === 0 ? [`${machine.gpus}: ${machine.noGpu}`] : gpus.map(({ name }) => name)),
  ];
  return <p className="dim small">{parts.join(' · ')}</p>;
}

function Engine({ visit }: { readonly visit: Visit }) {
  const { engine: words } = texts.setup;
  const { engine, ladder } = visit;
  const { backends } = texts.home;
  if (engine.state === 'ready' && engine.backend !== null) {
    return <Notice tone="ok" title={words.ready(backends[engine.backend], engine.version ?? '')} />;
  }
  if (engine.state === 'failed') return <Failed visit={visit} />;
  const best = ladder.find(({ isOffered }) => isOffered);
  const { progress } = engine;
  const ratio = progress === null ? null : ratioOf(progress.doneBytes, progress.totalBytes);
  const bytes = progress?.totalBytes == null ? null : words.bytes(size(progress.doneBytes), size(progress.totalBytes));
  return (
    <div className="column">
      <p>
        {words.settling} {best !== undefined && words.suits(backends[best.backend])}
      </p>
      <Progress label={words.progress} ratio={ratio} valueText={bytes ?? undefined} />
      <p className="spread dim small figures">
        <span>{progress?.stage ?? words.waiting}</span>
        <span>{bytes}</span>
      </p>
    </div>
  );
}

function Failed({ visit }: { readonly visit: Visit }) {
  const { engine: words } = texts.setup;
  const { engine, isOffline, ladder } = visit;
  const { backends } = texts.home;
  const [isBusy, setBusy] = useState(false);
  const again = async (): Promise<void> => {
    setBusy(true);
    try {
      queryClient.setQueryData(keys.setup, await post<Visit>('/drover/setup/engine'));
    } catch (thrown) {
      toastError(thrown);
    } finally {
      setBusy(false);
    }
  };
  const failures = ladder.flatMap(({ backend, failures: own }) =>
    own.map(({ id, reason }) => ({ key: `${backend} ${id}`, text: `${backends[backend]} (${id}): ${reason}` })),
  );
  return (
    <div className="column">
      <Notice
        tone="bad"
        isAlert
        title={engine.failure?.message ?? words.failed}
        text={engine.failure?.hint}
        actions={
          <>
            <Button isSmall isBusy={isBusy} icon={<RotateCw size={14} aria-hidden />} onClick={() => void again()}>
              {words.again}
            </Button>
            {engine.isGiven && (
              <ButtonLink to="/settings" isSmall>
                {words.settings}
              </ButtonLink>
            )}
          </>
        }
      />
      {engine.isGiven && <p className="small">{words.given}</p>}
      {isOffline && !engine.isGiven && <p className="small">{words.offline}</p>}
      {failures.length > 0 && (
        <div className="small">
          <p>{words.tried}</p>
          <ul className="setup-list dim">
            {failures.map(({ key, text }) => (
              <li key={key}>{text}</li>
            ))}
          </ul>
        </div>
      )}
      <details className="small">
        <summary className="dim">{words.ladder}</summary>
        <ul className="setup-list">
          {ladder.map(({ backend, isOffered, reason }) => (
            <li key={backend}>
              {backends[backend]}
              <span className="dim">{` ${isOffered ? words.offered : words.notOffered}: ${reason}`}</span>
            </li>
          ))}
        </ul>
      </details>
    </div>
  );
}
