// The builds of the engine: which is in use, how each proved itself, the newest, the way back.
import { ArrowUpCircle, History, ShieldCheck } from 'lucide-react';
import { useState } from 'react';
import { post } from '../../api/client.ts';
import { queryClient } from '../../api/queries.ts';
import { useServerEvents } from '../../app/live.ts';
import { size, tokensPerSecond } from '../../format.ts';
import { Badge } from '../../parts/badge.tsx';
import { Button } from '../../parts/button.tsx';
import { Card } from '../../parts/card.tsx';
import { Progress } from '../../parts/meter.tsx';
import { Notice } from '../../parts/notice.tsx';
import { ErrorState, Loaded } from '../../parts/states.tsx';
import { Facts, Table } from '../../parts/table.tsx';
import { toast } from '../../parts/toast.tsx';
import { texts } from '../../texts/index.ts';
import { type EngineReport, keys, type Updated, useEngine } from './queries.ts';

const words = texts.settings.engine;
type Build = EngineReport['builds'][number];

interface Step {
  readonly stage: string;
  readonly doneBytes: number;
  readonly totalBytes: number | null;
}

export function Engine() {
  return <Loaded query={useEngine()}>{(report) => <Shown report={report} />}</Loaded>;
}

function Shown({ report }: { readonly report: EngineReport }) {
  const [busy, setBusy] = useState<string | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const [step, setStep] = useState<Step | null>(null);
  useServerEvents((event) => {
    if (event.type === 'engine.progress') setStep(event);
  });
  const act = async (name: string, work: () => Promise<string>): Promise<void> => {
    setBusy(name);
    setFailure(null);
    setStep(null);
    try {
      toast({ tone: 'ok', title: await work() });
    } catch (thrown) {
      setFailure(thrown);
    } finally {
      setBusy(null);
      setStep(null);
      await queryClient.invalidateQueries({ queryKey: keys.engine });
    }
  };
  const update = async (force: boolean): Promise<string> => {
    const { isNew } = await post<Updated>('/drover/engine/update', { force });
    return isNew ? words.updated : words.already;
  };
  const { builds, newest, newestFailure, isGiven, bestBackend, path } = report;
  const current = builds.find(({ isCurrent }) => isCurrent);
  const isNewest = newest !== null && current?.version === newest.version && current.backend === newest.backend;
  const { column } = words;
  return (
    <Card
      title={words.title}
      text={words.text}
      actions={
        !isGiven && (
          <>
            <Button
              isSmall
              tone="primary"
              isBusy={busy === 'update'}
              disabled={busy !== null && busy !== 'update'}
              icon={<ArrowUpCircle size={14} aria-hidden />}
              onClick={() => void act('update', () => update(false))}
            >
              {busy === 'update' ? words.updating : words.update}
            </Button>
            <Button
              isSmall
              isBusy={busy === 'prove'}
              disabled={busy !== null && busy !== 'prove'}
              icon={<ShieldCheck size={14} aria-hidden />}
              onClick={() => void act('prove', () => update(true))}
            >
              {words.prove}
            </Button>
            <Button
              isSmall
              isBusy={busy === 'rollback'}
              disabled={busy !== null && busy !== 'rollback'}
              icon={<History size={14} aria-hidden />}
              onClick={() =>
                void act('rollback', async () => {
                  await post('/drover/engine/rollback');
                  return words.changed;
                })
              }
            >
              {words.rollback}
            </Button>
          </>
        )
      }
    >
      {isGiven && <Notice title={words.given} />}
      {failure !== null && <ErrorState error={failure} />}
      {step !== null && busy !== null && (
        <div className="column" role="status">
          <p className="small figures">
            {[step.stage, step.totalBytes === null ? null : `${size(step.doneBytes)} / ${size(step.totalBytes)}`]
              .filter((part) => part !== null)
              .join(' · ')}
          </p>
          <Progress
            label={words.progress}
            ratio={step.totalBytes === null || step.totalBytes === 0 ? null : step.doneBytes / step.totalBytes}
          />
        </div>
      )}
      <Facts
        items={[
          [
            words.newest,
            newest === null
              ? words.unknownNewest(newestFailure ?? texts.parts.unknown)
              : isNewest
                ? words.isNewest
                : words.newestIs(newest.version, newest.backend),
          ],
          [words.best, bestBackend ?? texts.parts.unknown],
          [words.executable, path ?? texts.parts.none],
        ]}
      />
      {builds.length === 0 ? (
        <p className="dim">{words.none}</p>
      ) : (
        <Table
          label={words.title}
          head={[column.build, column.version, column.backend, column.source, column.proof, column.actions]}
        >
          {builds.map((build) => (
            <tr key={build.id}>
              <th scope="row">
                <span className="row">
                  {build.id}
                  {build.isCurrent && <Badge tone="ok">{words.current}</Badge>}
                </span>
              </th>
              <td>{build.version}</td>
              <td>{build.backend}</td>
              <td>{build.source}</td>
              <td className="small">{proofText(build)}</td>
              <td>
                {!build.isCurrent && !isGiven && (
                  <Button
                    isSmall
                    isBusy={busy === build.id}
                    aria-label={words.chooseOf(build.id)}
                    onClick={() =>
                      void act(build.id, async () => {
                        await post('/drover/engine/use', { id: build.id });
                        return words.changed;
                      })
                    }
                  >
                    {words.use}
                  </Button>
                )}
              </td>
            </tr>
          ))}
        </Table>
      )}
    </Card>
  );
}

const proofText = ({ proof }: Build): string => {
  if (proof === null) return words.notProved;
  if (!proof.isGood) return words.failed(proof.reason ?? texts.parts.unknown);
  return words.proved(proof.bufferDevices.join(', '), tokensPerSecond(proof.tokensPerSecond));
};
