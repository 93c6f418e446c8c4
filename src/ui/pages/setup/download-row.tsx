// One download on its way: how far it is, and pause, go on, cancel. One that failed says why, and is tried again on request.
import { Pause, Play, X } from 'lucide-react';
import { useState } from 'react';
import type { Download } from '../../api/answers.ts';
import { post } from '../../api/client.ts';
import { duration, rate, size } from '../../format.ts';
import { Button, IconButton } from '../../parts/button.tsx';
import { Progress } from '../../parts/meter.tsx';
import { toastError } from '../../parts/toast.tsx';
import { texts } from '../../texts/index.ts';
import { ratioOf } from './steps.ts';

export function DownloadRow({ download }: { readonly download: Download }) {
  const { download: words } = texts.setup;
  const { id, name, state, failure, doneBytes, totalBytes, bytesPerSecond, secondsLeft, retryAt } = download;
  const [isBusy, setBusy] = useState(false);
  const act = (verb: 'pause' | 'resume' | 'cancel') => async (): Promise<void> => {
    setBusy(true);
    await post(`/drover/downloads/${encodeURIComponent(id)}/${verb}`)
      .catch(toastError)
      .finally(() => setBusy(false));
  };
  const [pause, resume, cancel] = [act('pause'), act('resume'), act('cancel')];
  const isMoving = state === 'downloading' || state === 'queued' || state === 'verifying';
  const amount = words.of(size(doneBytes), size(totalBytes));
  const details = [
    words.states[state],
    amount,
    state === 'downloading' ? rate(bytesPerSecond) : null,
    state === 'downloading' && secondsLeft !== null ? words.left(duration(secondsLeft * 1000)) : null,
  ].filter((detail) => detail !== null);
  return (
    <li className="setup-download">
      <div className="spread">
        <span className="truncate home-strong" title={name}>
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
          <IconButton label={words.cancel(name)} isSmall onClick={() => void cancel()}>
            <X size={15} aria-hidden />
          </IconButton>
        </span>
      </div>
      <Progress
        label={words.label(name)}
        ratio={ratioOf(doneBytes, totalBytes)}
        valueText={amount}
        tone={state === 'failed' ? 'bad' : isMoving ? 'accent' : 'neutral'}
      />
      <p className="dim small figures">{details.join(' · ')}</p>
      {failure !== null && (
        <p className="small field-error" role="alert">
          {failure.message} {failure.hint} {retryAt === null ? '' : words.retry}
        </p>
      )}
    </li>
  );
}
