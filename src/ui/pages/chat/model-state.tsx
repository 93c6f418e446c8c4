// How the chosen model is: that it loads, and how far; that it runs, but not as planned; why it could not be loaded, and
// what to do. A model that is well says nothing here.
import { Play, RotateCw, X } from 'lucide-react';
import { useState } from 'react';
import type { Model, ServerEvent } from '../../api/answers.ts';
import { useServerEvents } from '../../app/live.ts';
import { requestLoad } from '../../app/model-actions.ts';
import { Button, ButtonLink, IconButton } from '../../parts/button.tsx';
import { Progress } from '../../parts/meter.tsx';
import { Notice } from '../../parts/notice.tsx';
import { errorText } from '../../parts/states.tsx';
import { texts } from '../../texts/index.ts';

interface Loading {
  readonly modelId: string;
  readonly stage: string | null;
  readonly ratio: number | null;
  readonly position: number | null;
}

interface StateProps {
  readonly model: Model | null;
  readonly modelId: string | null;
  readonly isReasonSaid: boolean;
}

export function ModelState({ model, modelId, isReasonSaid }: StateProps) {
  const loading = useLoading(modelId);
  const [hidden, setHidden] = useState<number | null>(null);
  const [failure, setFailure] = useState<{ readonly of: string; readonly text: string } | null>(null);
  const [isAsked, setAsked] = useState(false);
  const words = texts.chat.model;
  if (modelId === null) return null;
  if (model === null) return <Notice tone="warn" title={words.gone(modelId)} text={words.goneText} />;
  const { instance, id } = model;
  const state = instance?.state ?? 'stopped';
  const load = async (): Promise<void> => {
    setAsked(true);
    setFailure(null);
    try {
      await requestLoad(id);
    } catch (thrown) {
      setFailure({ of: id, text: errorText(thrown) });
    } finally {
      setAsked(false);
    }
  };
  const verdict = instance?.verdict ?? null;
  if (state === 'starting' || (isAsked && state !== 'failed' && state !== 'ready')) {
    const { phase } = texts.chat;
    const step = loading?.position == null ? (loading?.stage ?? null) : phase.queued(loading.position);
    return (
      <div className="chat-loading" role="status">
        <p className="small">
          {words.loading(id)}
          {step !== null && <span className="dim"> · {step}</span>}
        </p>
        <Progress label={words.loading(id)} ratio={loading?.ratio ?? null} />
      </div>
    );
  }
  if (state === 'failed' || failure?.of === id) {
    const actions = (
      <>
        <Button isSmall isBusy={isAsked} icon={<RotateCw size={14} aria-hidden />} onClick={() => void load()}>
          {words.loadAgain}
        </Button>
        <ButtonLink isSmall to={`/instances/${encodeURIComponent(id)}`}>
          {words.instances}
        </ButtonLink>
      </>
    );
    // The last answer says why already.
    if (isReasonSaid) return <div className="row">{actions}</div>;
    return (
      <Notice tone="bad" isAlert title={instance?.failure ?? failure?.text ?? words.failed(id)} actions={actions} />
    );
  }
  if (state === 'ready' && verdict?.outcome === 'degraded' && hidden !== verdict.at) {
    return (
      <Notice
        tone="warn"
        title={words.degraded(id)}
        text={verdict.findings.map(({ message, hint }) => (hint === null ? message : `${message} ${hint}`)).join(' ')}
        actions={
          <IconButton isSmall label={words.hide} onClick={() => setHidden(verdict.at)}>
            <X size={15} aria-hidden />
          </IconButton>
        }
      />
    );
  }
  if (state === 'stopped') {
    return (
      <p className="chat-not-loaded dim small">
        {words.notLoaded}
        <Button isSmall tone="ghost" icon={<Play size={13} aria-hidden />} onClick={() => void load()}>
          {words.load}
        </Button>
      </p>
    );
  }
  return null;
}

function useLoading(modelId: string | null): Loading | null {
  const [loading, setLoading] = useState<Loading | null>(null);
  useServerEvents((event: ServerEvent) => {
    if (event.type === 'instance.progress' && event.modelId === modelId) {
      setLoading({ modelId, stage: event.stage, ratio: event.ratio, position: null });
    } else if (event.type === 'request.queued' && event.modelId === modelId) {
      setLoading({ modelId, stage: null, ratio: null, position: event.position });
    } else if (event.type === 'instance.changed' && event.instance.modelId === modelId) setLoading(null);
  });
  return loading?.modelId === modelId ? loading : null;
}
