// The log as it is written, held for the view: gathered per frame, read again when the stream is cut, left when nobody looks.
import { useEffect, useRef, useState } from 'react';
import type { LogHistory } from '../../api/answers.ts';
import { get, lines } from '../../api/client.ts';
import { LogBook, type LogLine } from './log-book.ts';

const HISTORY = 5000;
const AGAIN_MS = 1500;
/** Older lines come so many at a time. */
const PAGE = 1000;

export interface Older {
  readonly state: 'ready' | 'asking' | 'all';
  readonly error: unknown;
  readonly ask: () => void;
}

export interface LogView {
  readonly book: LogBook;
  /** Changes with every batch that is to be shown. */
  readonly version: number;
  readonly isLost: boolean;
  readonly error: unknown;
  /** Lines that came while it was paused. */
  readonly waitingCount: number;
  readonly older: Older;
  readonly clear: () => void;
}

export function useLog(model: string | null, isPaused: boolean): LogView {
  const [book] = useState(() => new LogBook());
  const [version, setVersion] = useState(0);
  const [isLost, setLost] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [waitingCount, setWaitingCount] = useState(0);
  const waiting = useRef<LogLine[]>([]);
  const paused = useRef(isPaused);
  const flush = useRef(() => undefined as undefined);
  paused.current = isPaused;
  const older = useOlder(book, model, () => setVersion((before) => before + 1));
  const forgetOlder = useRef(older.reset);
  forgetOlder.current = older.reset;
  useEffect(() => {
    const left = new AbortController();
    const { signal } = left;
    let frame: number | null = null;
    const show = (): undefined => {
      frame = null;
      if (paused.current) {
        setWaitingCount(waiting.current.length);
        return undefined;
      }
      if (waiting.current.length === 0) return undefined;
      book.add(waiting.current);
      waiting.current = [];
      setWaitingCount(0);
      setVersion((before) => before + 1);
      return undefined;
    };
    flush.current = show;
    const read = async (): Promise<void> => {
      const query = { follow: true, limit: HISTORY, model };
      let isFirst = true;
      for await (const line of lines<LogLine>('GET', '/drover/logs', undefined, { signal, query })) {
        if (isFirst) {
          isFirst = false;
          setLost(false);
          setError(null);
        }
        waiting.current.push(line);
        frame ??= requestAnimationFrame(show);
      }
    };
    const run = async (): Promise<void> => {
      while (!signal.aborted) {
        book.clear();
        forgetOlder.current();
        waiting.current = [];
        setVersion((before) => before + 1);
        try {
          await read();
        } catch (thrown) {
          if (signal.aborted) return;
          setError(thrown);
        }
        setLost(true);
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    };
    void run();
    return () => {
      left.abort();
      if (frame !== null) cancelAnimationFrame(frame);
    };
  }, [book, model]);
  useEffect(() => {
    if (!isPaused) flush.current();
  }, [isPaused]);
  const clear = (): void => {
    book.clear();
    older.reset();
    waiting.current = [];
    setVersion((before) => before + 1);
  };
  return { book, version, isLost, error, waitingCount, older, clear };
}

/** Lines that are older than what is held, a page at a time. */
function useOlder(book: LogBook, model: string | null, onAdded: () => void): Older & { readonly reset: () => void } {
  const [state, setState] = useState<Older['state']>('ready');
  const [error, setError] = useState<unknown>(null);
  const asked = useRef<AbortController | null>(null);
  const reset = (): void => {
    asked.current?.abort();
    asked.current = null;
    setState('ready');
    setError(null);
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: another model has another past.
  useEffect(() => reset, [model]);
  const ask = (): void => {
    if (asked.current !== null) return;
    const left = new AbortController();
    asked.current = left;
    setState('asking');
    setError(null);
    const query = { before: book.olderBefore() ?? undefined, model, limit: PAGE };
    get<LogHistory>('/drover/logs/history', { query, signal: left.signal }).then(
      ({ lines, isMore }) => {
        if (left.signal.aborted) return;
        asked.current = null;
        book.addOlder(lines);
        setState(isMore ? 'ready' : 'all');
        onAdded();
      },
      (thrown: unknown) => {
        if (left.signal.aborted) return;
        asked.current = null;
        setState('ready');
        setError(thrown);
      },
    );
  };
  return { state, error, ask, reset };
}
