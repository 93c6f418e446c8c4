// The log: live, of one model or all, filtered, followed to its end until the reader looks back.
import { ArrowDownToLine, ArrowUpToLine, Pause, Play, Trash2, WrapText } from 'lucide-react';
import { useDeferredValue, useEffect, useMemo, useRef, useState } from 'react';
import { isApiError } from '../../api/client.ts';
import { count } from '../../format.ts';
import { Button, IconButton } from '../../parts/button.tsx';
import { Card } from '../../parts/card.tsx';
import { CopyButton } from '../../parts/copy-button.tsx';
import { SearchField, Select } from '../../parts/field.tsx';
import { saveFile } from '../../parts/save-file.ts';
import { EmptyState, ErrorState } from '../../parts/states.tsx';
import { VirtualList } from '../../parts/virtual-list.tsx';
import { texts } from '../../texts/index.ts';
import { type HeldLine, isShown, type LogLine, plainText } from './log-book.ts';
import { type Older, useLog } from './log-stream.ts';

const { logs: words } = texts.instances;
const EVERYTHING = '*';
const LINE_PX = 21;

interface LogPanelProps {
  readonly models: readonly string[];
  /** Null: everything. */
  readonly model: string | null;
  readonly onModel: (model: string | null) => void;
}

export function LogPanel({ models, model, onModel }: LogPanelProps) {
  const [level, setLevel] = useState<LogLine['level']>('debug');
  const [query, setQuery] = useState('');
  const [isFollowing, setFollowing] = useState(true);
  const [isPaused, setPaused] = useState(false);
  const [isWrapped, setWrapped] = useState(false);
  const view = useLog(model, isPaused);
  const wanted = useDeferredValue(query.trim().toLowerCase());
  // biome-ignore lint/correctness/useExhaustiveDependencies: the version tells that the book has changed.
  const shown = useMemo(
    () => view.book.lines.filter((line) => isShown(line, { level, query: wanted })),
    [view.version, level, wanted],
  );
  const olderLines = (
    <OlderLines
      older={view.older}
      onAsk={() => {
        // Whoever looks back does not want to be at the end.
        setFollowing(false);
        view.older.ask();
      }}
    />
  );
  const field = useRef<HTMLDivElement>(null);
  useSlashKey(() => field.current?.querySelector<HTMLInputElement>('input[type=search]')?.focus());
  const total = view.book.lines.length;
  const isRefused = isApiError(view.error) && view.error.status === 403;
  return (
    <Card
      className="log"
      title={words.title}
      actions={
        <>
          <span className="dim small figures" role="status">
            {isPaused && view.waitingCount > 0
              ? words.paused(count(view.waitingCount))
              : words.count(count(shown.length), count(total))}
          </span>
          <Button
            isSmall
            icon={isPaused ? <Play size={14} aria-hidden /> : <Pause size={14} aria-hidden />}
            onClick={() => setPaused(!isPaused)}
          >
            {isPaused ? words.goOn : words.pause}
          </Button>
          <IconButton isSmall label={words.wrap} aria-pressed={isWrapped} onClick={() => setWrapped(!isWrapped)}>
            <WrapText size={15} aria-hidden />
          </IconButton>
          <CopyButton text={() => plainText(shown)} label={words.copy} />
          <IconButton
            isSmall
            label={words.download}
            onClick={() =>
              saveFile(`${model ?? 'drover'}.log`, new Blob([plainText(view.book.lines)], { type: 'text/plain' }))
            }
          >
            <ArrowDownToLine size={15} aria-hidden />
          </IconButton>
          <IconButton isSmall label={words.clear} onClick={view.clear}>
            <Trash2 size={15} aria-hidden />
          </IconButton>
        </>
      }
    >
      <div className="log-filters" ref={field}>
        <Select
          label={words.model}
          isLabelHidden
          value={model ?? EVERYTHING}
          onChange={(next) => onModel(next === EVERYTHING ? null : next)}
          items={[{ value: EVERYTHING, label: words.everything }, ...models.map((id) => ({ value: id, label: id }))]}
        />
        <Select
          label={words.level}
          isLabelHidden
          value={level}
          onChange={setLevel}
          items={(['debug', 'info', 'warn', 'error'] as const).map((value) => ({ value, label: words.levels[value] }))}
        />
        <SearchField label={words.search} placeholder={words.searchHint} value={query} onChange={setQuery} />
      </div>
      {view.isLost && !isRefused && <p className="field-error">{words.lost}</p>}
      {view.book.droppedCount > 0 && <p className="field-help">{words.dropped(count(view.book.droppedCount))}</p>}
      {isRefused ? (
        <ErrorState error={view.error} />
      ) : shown.length === 0 ? (
        <div className="log-lines">
          {olderLines}
          <EmptyState title={total === 0 ? words.none : words.noneFound} />
        </div>
      ) : (
        <VirtualList
          head={olderLines}
          label={words.lines}
          className={isWrapped ? 'log-lines log-wrapped' : 'log-lines'}
          count={shown.length}
          estimatedHeight={LINE_PX}
          keyOf={(index) => shown[index]?.key ?? index}
          row={(index) => {
            const line = shown[index];
            return line === undefined ? null : <Line line={line} query={wanted} />;
          }}
          isFollowing={isFollowing && !isPaused}
          onFollowingChange={setFollowing}
        />
      )}
      {!isFollowing && shown.length > 0 && (
        <div className="log-follow">
          <Button
            isSmall
            tone="primary"
            icon={<ArrowDownToLine size={14} aria-hidden />}
            onClick={() => setFollowing(true)}
          >
            {words.follow}
          </Button>
        </div>
      )}
    </Card>
  );
}

/** Above the first line. */
function OlderLines({ older: { state, error }, onAsk }: { readonly older: Older; readonly onAsk: () => void }) {
  return (
    <div className="log-older">
      {error !== null && <ErrorState error={error} />}
      {state === 'all' ? (
        <span className="dim small">{words.oldest}</span>
      ) : (
        <Button isSmall isBusy={state === 'asking'} icon={<ArrowUpToLine size={14} aria-hidden />} onClick={onAsk}>
          {words.older}
        </Button>
      )}
    </div>
  );
}

const clock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hour12: false,
});

function Line({ line, query }: { readonly line: HeldLine; readonly query: string }) {
  return (
    <div className={`log-line log-${line.level}`}>
      <time dateTime={new Date(line.at).toISOString()} title={new Date(line.at).toISOString()}>
        {clock.format(line.at)}
      </time>
      <span className="log-source truncate" title={line.source}>
        {line.source}
      </span>
      <span className="log-text">{query === '' ? line.text : <Marked text={line.text} query={query} />}</span>
    </div>
  );
}

/** What was looked for stands out, wherever it is. */
function Marked({ text, query }: { readonly text: string; readonly query: string }) {
  const lower = text.toLowerCase();
  // A few letters change their length with their case; then no place would be right.
  if (lower.length !== text.length) return text;
  const parts: React.ReactNode[] = [];
  let at = 0;
  for (let hit = lower.indexOf(query); hit !== -1; hit = lower.indexOf(query, at)) {
    parts.push(text.slice(at, hit), <mark key={hit}>{text.slice(hit, hit + query.length)}</mark>);
    at = hit + query.length;
  }
  return [...parts, text.slice(at)];
}

function useSlashKey(focus: () => void): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      const isTyping =
        event.target instanceof HTMLElement && event.target.closest('input, textarea, [contenteditable]');
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || isTyping !== null) return;
      event.preventDefault();
      focus();
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  });
}
