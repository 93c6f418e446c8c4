// The page "Benchmarks": start a run, see it through, look at figures, compare runs and machines.
import { FileUp, Gauge } from 'lucide-react';
import { useRef, useState } from 'react';
import { Button } from '../../parts/button.tsx';
import { Card } from '../../parts/card.tsx';
import { PageHeader } from '../../parts/page-header.tsx';
import { EmptyState, Loaded, Skeleton } from '../../parts/states.tsx';
import { toast } from '../../parts/toast.tsx';
import { texts } from '../../texts/index.ts';
import { Results } from './results.tsx';
import { RunList } from './run-list.tsx';
import { type Run, runIn, useRuns } from './runs.ts';
import { Start } from './start.tsx';

const words = texts.bench;

export function BenchPage() {
  const query = useRuns();
  const [loaded, setLoaded] = useState<readonly Run[]>([]);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const field = useRef<HTMLInputElement>(null);
  const choose = (id: string, isChosen: boolean): void => {
    const next = new Set(chosen);
    if (isChosen) next.add(id);
    else next.delete(id);
    setChosen(next);
  };
  const read = async (files: FileList | null): Promise<void> => {
    for (const file of files ?? []) {
      const run = runIn(await file.text());
      if (run === null) {
        toast({ tone: 'bad', title: words.notARun, text: file.name });
        continue;
      }
      setLoaded((before) => [run, ...before.filter(({ id }) => id !== run.id)]);
      setChosen((before) => new Set(before).add(run.id));
    }
    if (field.current !== null) field.current.value = '';
  };
  return (
    <div className="column page-column">
      <PageHeader title={texts.app.pages.bench} text={words.text} />
      <Start />
      <Card
        title={words.runs}
        text={words.compareHint}
        actions={
          <>
            <input
              ref={field}
              type="file"
              accept=".json,application/json"
              multiple
              hidden
              aria-label={words.load}
              onChange={(event) => void read(event.currentTarget.files)}
            />
            <Button isSmall icon={<FileUp size={14} aria-hidden />} onClick={() => field.current?.click()}>
              {words.load}
            </Button>
          </>
        }
      >
        <Loaded query={query} skeleton={<Skeleton height={180} />}>
          {(runs) => {
            const all = [...loaded, ...runs];
            return all.length === 0 ? (
              <EmptyState icon={<Gauge />} title={words.none.title} text={words.none.text} />
            ) : (
              <RunList runs={all} chosen={chosen} onChoose={choose} />
            );
          }}
        </Loaded>
      </Card>
      {query.data !== undefined && <Chosen runs={[...loaded, ...query.data]} chosen={chosen} />}
    </div>
  );
}

/** The oldest first: what came later is measured against it. */
function Chosen({ runs, chosen }: { readonly runs: readonly Run[]; readonly chosen: ReadonlySet<string> }) {
  const shown = runs
    .filter(({ id, report }) => chosen.has(id) && report !== null)
    .sort((left, right) => left.createdAt - right.createdAt);
  return shown.length === 0 ? null : <Results runs={shown} />;
}
