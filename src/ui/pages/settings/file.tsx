// The configuration's text: edited, checked as it is written, reviewed before it is saved, and never written over
// somebody else's change without being told to.
import { CircleAlert, CircleCheck, TriangleAlert } from 'lucide-react';
import { useEffect, useState } from 'react';
import { get, isApiError, post, put } from '../../api/client.ts';
import { queryClient } from '../../api/queries.ts';
import { Button } from '../../parts/button.tsx';
import { Card } from '../../parts/card.tsx';
import { Dialog } from '../../parts/dialog.tsx';
import { Notice } from '../../parts/notice.tsx';
import { code, OnDemand } from '../../parts/on-demand.tsx';
import { ErrorState, Loaded, Skeleton } from '../../parts/states.tsx';
import { toast } from '../../parts/toast.tsx';
import { texts } from '../../texts/index.ts';
import { type Config, type ConfigWrite, keys, type Problem, useConfig } from './queries.ts';

const editor = code(() => import('./editor.tsx'));
const words = texts.settings.file;
const PAUSE_MS = 400;

export function ConfigFile() {
  return (
    <Loaded query={useConfig()} skeleton={<Skeleton height={520} />}>
      {(config) => <Shown config={config} />}
    </Loaded>
  );
}

function Shown({ config }: { readonly config: Config }) {
  // What was begun with stays until it is saved or given up, whatever happens to the file meanwhile.
  const [base, setBase] = useState(config);
  const [text, setText] = useState(config.text);
  const [target, setTarget] = useState<{ readonly line: number } | null>(null);
  const [isReviewing, setReviewing] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const isChanged = text !== base.text;
  const { problems, isChecking } = useProblems(text);
  const hasErrors = problems.some(({ severity }) => severity === 'error');
  useEffect(() => {
    // Nothing was typed: the newest is shown.
    if (isChanged || config.revision === base.revision) return;
    setBase(config);
    setText(config.text);
  }, [config, base, isChanged]);
  useEffect(() => {
    if (!isChanged) return undefined;
    const ask = (event: BeforeUnloadEvent): void => event.preventDefault();
    addEventListener('beforeunload', ask);
    return () => removeEventListener('beforeunload', ask);
  }, [isChanged]);
  const take = async (isMineKept: boolean): Promise<Config> => {
    const current = await get<Config>('/drover/config');
    queryClient.setQueryData(keys.config, current);
    setBase(current);
    if (!isMineKept) setText(current.text);
    setFailure(null);
    return current;
  };
  const save = async (revision: string): Promise<void> => {
    setBusy(true);
    setFailure(null);
    try {
      const { affected, backupPath } = await put<ConfigWrite>('/drover/config', { text, revision });
      await take(false);
      setReviewing(false);
      toast({
        tone: 'ok',
        title: affected.length > 0 ? words.affected(affected.join(', ')) : words.saved,
        ...(backupPath === null ? {} : { text: words.backup(backupPath) }),
      });
    } catch (thrown) {
      setFailure(thrown);
    } finally {
      setBusy(false);
    }
  };
  const isConflict = isApiError(failure) && failure.status === 409;
  return (
    <Card
      title={words.title}
      text={<code>{base.path}</code>}
      actions={
        <>
          <Button isSmall disabled={!isChanged} onClick={() => setText(base.text)}>
            {words.revert}
          </Button>
          <Button isSmall tone="primary" disabled={!isChanged || hasErrors} onClick={() => setReviewing(true)}>
            {words.review}
          </Button>
        </>
      }
    >
      <OnDemand code={editor} place={<Skeleton height={420} />}>
        {({ Editor }) => (
          <Editor
            label={words.label}
            help={words.help}
            text={text}
            onChange={setText}
            problems={problems}
            target={target}
          />
        )}
      </OnDemand>
      <p className="field-help">{words.help}</p>
      <Problems problems={problems} isChecking={isChecking} onGo={(line) => setTarget({ line })} />
      <Dialog
        isOpen={isReviewing}
        onClose={() => setReviewing(false)}
        shape="wide"
        title={words.diff}
        actions={
          isConflict ? (
            <>
              <Button onClick={() => setReviewing(false)}>{words.conflict.edit}</Button>
              <Button onClick={() => void take(false).then(() => setReviewing(false), setFailure)}>
                {words.conflict.theirs}
              </Button>
              <Button
                tone="danger"
                isBusy={isBusy}
                onClick={() => void take(true).then(({ revision }) => save(revision), setFailure)}
              >
                {words.conflict.mine}
              </Button>
            </>
          ) : (
            <>
              <Button onClick={() => setReviewing(false)}>{words.back}</Button>
              <Button tone="primary" isBusy={isBusy} onClick={() => void save(base.revision)}>
                {words.save}
              </Button>
            </>
          )
        }
      >
        {isConflict ? (
          <Notice tone="warn" isAlert title={words.conflict.title} text={words.conflict.text} />
        ) : (
          failure !== null && <ErrorState error={failure} />
        )}
        <OnDemand code={editor} place={<Skeleton height={300} />}>
          {({ Diff }) => <Diff label={words.diff} before={base.text} after={text} />}
        </OnDemand>
      </Dialog>
    </Card>
  );
}

/** What the server says of the text, once the typing pauses. */
function useProblems(text: string): { readonly problems: readonly Problem[]; readonly isChecking: boolean } {
  const [problems, setProblems] = useState<readonly Problem[]>([]);
  const [checked, setChecked] = useState<string | null>(null);
  useEffect(() => {
    const left = new AbortController();
    const timer = setTimeout(() => {
      const { signal } = left;
      post<{ problems: Problem[] }>('/drover/config/check', { text }, { signal }).then(
        ({ problems: found }) => {
          setProblems(found);
          setChecked(text);
        },
        () => undefined,
      );
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      left.abort();
    };
  }, [text]);
  return { problems, isChecking: checked !== text };
}

interface ProblemsProps {
  readonly problems: readonly Problem[];
  readonly isChecking: boolean;
  readonly onGo: (line: number) => void;
}

function Problems({ problems, isChecking, onGo }: ProblemsProps) {
  return (
    <section aria-label={words.problems} className="settings-problems" aria-live="polite">
      {problems.length === 0 ? (
        <p className="row dim small">
          <CircleCheck size={15} aria-hidden />
          {isChecking ? words.checking : words.none}
        </p>
      ) : (
        <ul>
          {problems.map(({ severity, line, column, message }) => (
            <li key={`${line}:${column}:${message}`} className={`settings-problem settings-${severity}`}>
              {severity === 'error' ? <CircleAlert size={15} aria-hidden /> : <TriangleAlert size={15} aria-hidden />}
              {line === null ? (
                <span className="dim">{words.whole}</span>
              ) : (
                <button type="button" className="settings-place" onClick={() => onGo(line)}>
                  {words.at(line, column ?? 1)}
                </button>
              )}
              <span>{message}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
