// One model at work: its state, the verdict on its load, what it does now, and what can be done with it.
import { MessageSquare, Pin, PinOff, ScrollText, Square } from 'lucide-react';
import { useState } from 'react';
import { Link, useLocation } from 'wouter';
import type { Instance } from '../../api/answers.ts';
import { idleLeftMs, OUTCOME_TONES, STATE_TONES } from '../../app/course.ts';
import { pinModel, stopModel } from '../../app/model-actions.ts';
import { context, duration, tokensPerSecond as speedText } from '../../format.ts';
import { Badge } from '../../parts/badge.tsx';
import { ButtonLink, IconButton } from '../../parts/button.tsx';
import { Notice } from '../../parts/notice.tsx';
import { toastError } from '../../parts/toast.tsx';
import { texts } from '../../texts/index.ts';
import { failureOf } from './course.ts';
import { LoadButton } from './load-button.tsx';

interface RunningRowProps {
  readonly instance: Instance;
  readonly now: number;
  readonly tokensPerSecond: number | null;
}

export function RunningRow({ instance, now, tokensPerSecond }: RunningRowProps) {
  const { running } = texts.home;
  const { modelId, state, verdict, isPinned } = instance;
  const isReady = state === 'ready';
  return (
    <li className="home-row">
      <div className="home-row-head">
        <Link href={`/models/${encodeURIComponent(modelId)}`} className="home-row-name truncate" title={modelId}>
          {modelId}
        </Link>
        <span className="home-row-badges">
          <Badge tone={STATE_TONES[state]} isLive={state === 'starting'}>
            {running.states[state]}
          </Badge>
          {isReady && verdict !== null && (
            <Badge tone={OUTCOME_TONES[verdict.outcome]}>{running.outcomes[verdict.outcome]}</Badge>
          )}
          {isPinned && <Badge icon={<Pin size={12} aria-hidden />}>{running.pinned}</Badge>}
        </span>
        <Actions instance={instance} />
      </div>
      {isReady && <Facts instance={instance} now={now} tokensPerSecond={tokensPerSecond} />}
      {isReady &&
        verdict?.outcome === 'degraded' &&
        verdict.findings.map(({ message, hint }) => <Notice key={message} tone="warn" title={message} text={hint} />)}
      {state === 'failed' && <Failure instance={instance} />}
    </li>
  );
}

function Facts({ instance, now, tokensPerSecond }: RunningRowProps) {
  const { running } = texts.home;
  const { verdict, requestsInFlight, requestsQueued } = instance;
  const leftMs = idleLeftMs(instance, now);
  const facts = [
    verdict?.contextTokens == null ? null : running.context(context(verdict.contextTokens)),
    verdict?.layersTotal == null || verdict.layersOnGpu == null
      ? null
      : running.layers(verdict.layersOnGpu, verdict.layersTotal),
    tokensPerSecond === null ? null : speedText(tokensPerSecond),
    requestsInFlight > 0 ? running.inFlight(requestsInFlight) : null,
    requestsQueued > 0 ? running.queued(requestsQueued) : null,
    leftMs === null
      ? instance.ttlMs === null && !instance.isPinned
        ? running.stays
        : null
      : running.leaves(duration(leftMs)),
  ].filter((fact) => fact !== null);
  return (
    <ul className="home-facts dim small figures">
      {facts.map((fact) => (
        <li key={fact}>{fact}</li>
      ))}
    </ul>
  );
}

function Failure({ instance }: { readonly instance: Instance }) {
  const { running } = texts.home;
  const { modelId } = instance;
  const { reason, hints } = failureOf(instance);
  return (
    <Notice
      tone="bad"
      isAlert
      title={reason ?? running.failedTitle(modelId)}
      text={hints.length === 0 ? null : hints.join(' ')}
      actions={
        <>
          <LoadButton model={modelId} text={running.again} />
          <ButtonLink to={`/models/${encodeURIComponent(modelId)}`} isSmall>
            {running.change}
          </ButtonLink>
          <ButtonLink to={`/instances/${encodeURIComponent(modelId)}`} isSmall>
            {running.showLogs}
          </ButtonLink>
        </>
      }
    />
  );
}

function Actions({ instance }: { readonly instance: Instance }) {
  const { running } = texts.home;
  const { modelId, state, isPinned } = instance;
  const [, go] = useLocation();
  const [busy, setBusy] = useState<'stop' | 'pin' | null>(null);
  const act = (name: 'stop' | 'pin', work: Promise<unknown>): void => {
    setBusy(name);
    void work.catch(toastError).finally(() => setBusy(null));
  };
  return (
    <span className="home-row-actions">
      {state === 'ready' && (
        <IconButton
          label={running.chatWith(modelId)}
          isSmall
          onClick={() => go(`/chat?model=${encodeURIComponent(modelId)}`)}
        >
          <MessageSquare size={16} aria-hidden />
        </IconButton>
      )}
      <IconButton label={running.logs(modelId)} isSmall onClick={() => go(`/instances/${encodeURIComponent(modelId)}`)}>
        <ScrollText size={16} aria-hidden />
      </IconButton>
      {state !== 'failed' && (
        <IconButton
          label={isPinned ? running.unpin(modelId) : running.pin(modelId)}
          isSmall
          isBusy={busy === 'pin'}
          onClick={() => act('pin', pinModel(modelId, !isPinned))}
        >
          {isPinned ? <PinOff size={16} aria-hidden /> : <Pin size={16} aria-hidden />}
        </IconButton>
      )}
      {(state === 'ready' || state === 'starting') && (
        <IconButton
          label={running.stop(modelId)}
          isSmall
          isBusy={busy === 'stop'}
          onClick={() => act('stop', stopModel(modelId))}
        >
          <Square size={15} aria-hidden />
        </IconButton>
      )}
    </span>
  );
}
