// The runs that there are: chosen to be looked at, cancelled, saved, deleted.
import { ArrowDownToLine, Trash2, X } from 'lucide-react';
import { useState } from 'react';
import { post, remove } from '../../api/client.ts';
import { queryClient } from '../../api/queries.ts';
import { useServerEvents } from '../../app/live.ts';
import { percent, relative } from '../../format.ts';
import { Badge, type Tone } from '../../parts/badge.tsx';
import { Button, IconButton } from '../../parts/button.tsx';
import { ConfirmDialog } from '../../parts/dialog.tsx';
import { Progress } from '../../parts/meter.tsx';
import { saveFile } from '../../parts/save-file.ts';
import { toastError } from '../../parts/toast.tsx';
import { texts } from '../../texts/index.ts';
import { nameOf, RUNS, type Run } from './runs.ts';

const words = texts.bench;
const TONES: Readonly<Record<Run['state'], Tone>> = {
  queued: 'neutral',
  running: 'accent',
  completed: 'ok',
  failed: 'bad',
};
const stale = (): Promise<void> => queryClient.invalidateQueries({ queryKey: RUNS });
const addressOf = ({ id }: Run): string => `/drover/bench/${encodeURIComponent(id)}`;

interface RunListProps {
  readonly runs: readonly Run[];
  readonly chosen: ReadonlySet<string>;
  readonly onChoose: (id: string, isChosen: boolean) => void;
}

export function RunList({ runs, chosen, onChoose }: RunListProps) {
  const [going, setGoing] = useState<Run | null>(null);
  const [ratios, setRatios] = useState<Readonly<Record<string, number>>>({});
  useServerEvents((event) => {
    if (event.type === 'test.progress') setRatios({ ...ratios, [event.sessionId]: event.ratio });
    // The first news of a run is that it has begun.
    if (event.type === 'test.progress' && !(event.sessionId in ratios)) void stale();
  });
  return (
    <>
      <ul className="bench-runs">
        {runs.map((run) => {
          const name = nameOf(run);
          const isUnderWay = run.state === 'queued' || run.state === 'running';
          const ratio = Math.max(run.ratio, ratios[run.id] ?? 0);
          return (
            <li key={run.id} className="bench-run">
              <label className="bench-choice">
                <input
                  type="checkbox"
                  aria-label={words.compare(name)}
                  disabled={run.report === null}
                  checked={chosen.has(run.id)}
                  onChange={(event) => onChoose(run.id, event.currentTarget.checked)}
                />
                <span className="bench-name">
                  <span className="row">
                    <strong>{name}</strong>
                    <Badge tone={TONES[run.state]} isLive={run.state === 'running'}>
                      {words.states[run.state]}
                    </Badge>
                    {run.id.startsWith('file ') && <Badge>{words.fromFile}</Badge>}
                  </span>
                  <span className="dim small">
                    {[
                      run.name === null ? null : run.models.join(', '),
                      relative(run.createdAt, Date.now()),
                      run.machine,
                    ]
                      .filter((part) => part !== null)
                      .join(' · ')}
                  </span>
                </span>
              </label>
              <span className="row">
                {isUnderWay ? (
                  <Button
                    isSmall
                    icon={<X size={14} aria-hidden />}
                    onClick={() => void post(`${addressOf(run)}/cancel`).then(stale, toastError)}
                  >
                    {words.cancel}
                  </Button>
                ) : (
                  <>
                    {run.report !== null && (
                      <IconButton isSmall label={words.export(name)} onClick={() => save(run)}>
                        <ArrowDownToLine size={15} aria-hidden />
                      </IconButton>
                    )}
                    {!run.id.startsWith('file ') && (
                      <IconButton isSmall label={words.remove(name)} onClick={() => setGoing(run)}>
                        <Trash2 size={15} aria-hidden />
                      </IconButton>
                    )}
                  </>
                )}
              </span>
              {run.state === 'running' && (
                <div className="bench-progress">
                  <Progress label={words.progress(name)} ratio={ratio} valueText={percent(ratio)} />
                </div>
              )}
              {run.failure !== null && <p className="field-error bench-progress">{run.failure}</p>}
            </li>
          );
        })}
      </ul>
      <ConfirmDialog
        isOpen={going !== null}
        onClose={() => setGoing(null)}
        title={words.removeTitle}
        text={words.removeText}
        action={words.removeAction}
        onConfirm={async () => {
          if (going !== null) await remove(addressOf(going));
          await stale();
        }}
      />
    </>
  );
}

const save = (run: Run): void =>
  saveFile(`${nameOf(run)}.bench.json`, new Blob([JSON.stringify(run, null, 2)], { type: 'application/json' }));
