// One download, on its way or over: how far it is, and pause, go on, cancel. One that failed says why, and is tried again on request.
import { Pause, Play, X } from 'lucide-react';
import { useState } from 'react';
import type { Download } from '../api/answers.ts';
import { duration, rate, size } from '../format.ts';
import { Button, ButtonLink, IconButton } from '../parts/button.tsx';
import { Progress } from '../parts/meter.tsx';
import { toastError } from '../parts/toast.tsx';
import { texts } from '../texts/index.ts';
import { forgetDownload, ratioOf, steerDownload } from './downloads.ts';

export function DownloadRow({ download }: { readonly download: Download }) {
  const words = texts.downloads;
  const { id, modelId, name, state, failure, doneBytes, totalBytes, bytesPerSecond, secondsLeft, retryAt } = download;
  const [isBusy, setBusy] = useState(false);
  const act = async (work: Promise<void>): Promise<void> => {
    setBusy(true);
    await work.catch(toastError).finally(() => setBusy(false));
  };
  const pause = (): Promise<void> => act(steerDownload(id, 'pause'));
  const resume = (): Promise<void> => act(steerDownload(id, 'resume'));
  const isOver = state === 'finished' || state === 'cancelled';
  const leave = (): Promise<void> => act(isOver ? forgetDownload(id) : steerDownload(id, 'cancel'));
  const isMoving = state === 'downloading' || state === 'queued' || state === 'verifying';
  const amount = words.of(size(doneBytes), size(totalBytes));
  const details = [
    words.states[state],
    amount,
    state === 'downloading' ? rate(bytesPerSecond) : null,
    state === 'downloading' && secondsLeft !== null ? words.left(duration(secondsLeft * 1000)) : null,
  ].filter((detail) => detail !== null);
  return (
    <li className="download">
      <div className="spread">
        <span className="truncate download-name" title={name}>
          {name}
        </span>
        <span className="row">
          {(state === 'downloading' || state === 'queued') && (
            <IconButton label={words.pause(name)} isSmall isBusy={isBusy} onClick={() => void pause()}>
              <Pause size={15} aria-hidden />
            </IconButton>
          )}
          {state === 'paused' && (
            <IconButton label={words.resume(name)} isSmall isBusy={isBusy} onClick={() => void resume()}>
              <Play size={15} aria-hidden />
            </IconButton>
          )}
          {state === 'failed' && (
            <Button isSmall isBusy={isBusy} onClick={() => void resume()}>
              {words.again}
            </Button>
          )}
          {state === 'finished' && modelId !== null && (
            <ButtonLink isSmall to={`/chat?model=${encodeURIComponent(modelId)}`}>
              {words.chat}
            </ButtonLink>
          )}
          <IconButton label={isOver ? words.forget(name) : words.cancel(name)} isSmall onClick={() => void leave()}>
            <X size={15} aria-hidden />
          </IconButton>
        </span>
      </div>
      {!isOver && (
        <Progress
          label={words.label(name)}
          ratio={ratioOf(doneBytes, totalBytes)}
          valueText={amount}
          tone={state === 'failed' ? 'bad' : isMoving ? 'accent' : 'neutral'}
        />
      )}
      <p className="dim small figures">{details.join(' · ')}</p>
      {failure !== null && (
        <p className="small field-error" role="alert">
          {failure.message} {failure.hint} {retryAt === null ? '' : words.retry}
        </p>
      )}
    </li>
  );
}
