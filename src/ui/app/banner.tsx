// What concerns the server as a whole: it does not answer, it is being replaced, its configuration is not usable.
import { useEffect, useState } from 'react';
import { Button } from '../parts/button.tsx';
import { Notice } from '../parts/notice.tsx';
import { toast } from '../parts/toast.tsx';
import { texts } from '../texts/index.ts';
import { reconnect, useLiveState, useServerEvents } from './live.ts';

export function Banner() {
  const state = useLiveState();
  const [isRestarting, setRestarting] = useState(false);
  const [refusal, setRefusal] = useState<string | null>(null);
  const [wasLost, setWasLost] = useState(false);
  useServerEvents((event) => {
    if (event.type === 'restart.started') setRestarting(true);
    if (event.type === 'restart.failed') {
      setRestarting(false);
      toast({ tone: 'bad', title: texts.app.restartFailed(event.message) });
    }
    if (event.type === 'config.refused') setRefusal(event.message);
    if (event.type === 'config.changed') setRefusal(null);
  });
  useEffect(() => {
    if (state === 'lost') setWasLost(true);
    else if (state === 'live' && wasLost) {
      setWasLost(false);
      setRestarting(false);
      toast({ tone: 'ok', title: texts.app.offline.back });
    }
  }, [state, wasLost]);
  return (
    <div className="banners" aria-live="polite">
      {state === 'lost' ? (
        <Notice
          tone={isRestarting ? 'accent' : 'bad'}
          title={isRestarting ? texts.app.restarting : texts.app.offline.title}
          text={isRestarting ? null : texts.app.offline.trying}
          actions={
            <Button isSmall onClick={() => reconnect()}>
              {texts.app.offline.tryNow}
            </Button>
          }
        />
      ) : (
        isRestarting && <Notice tone="accent" title={texts.app.restarting} />
      )}
      {refusal !== null && <Notice tone="warn" title={texts.app.configRefused(refusal)} />}
    </div>
  );
}
