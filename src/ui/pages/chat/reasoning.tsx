// What a model thinks before it answers: folded, with how long it took, which runs while it thinks.
import { ChevronRight } from 'lucide-react';
import { useEffect, useState } from 'react';
import { duration } from '../../format.ts';
import { texts } from '../../texts/index.ts';
import { AnswerText } from './answer-text.tsx';

interface ReasoningProps {
  readonly text: string;
  /** Of the page's clock; null: it is over. */
  readonly since: number | null;
  /** Null: not known any more. */
  readonly tookMs: number | null;
}

/** Less is no time that says anything. */
const SHORTEST_MS = 100;

export function Reasoning({ text, since, tookMs }: ReasoningProps) {
  const [isOpen, setOpen] = useState(false);
  const runningMs = useRunning(since);
  const { thinking, thought } = texts.chat.message;
  return (
    <details className="chat-reasoning" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <ChevronRight size={15} aria-hidden />
        <span className={since === null ? undefined : 'chat-thinking'}>
          {since === null
            ? thought(tookMs === null || tookMs < SHORTEST_MS ? null : duration(tookMs))
            : thinking(runningMs === null ? null : duration(runningMs))}
        </span>
      </summary>
      {isOpen && <AnswerText text={text} isWhole={since === null} />}
    </details>
  );
}

/** Whole seconds since then, null in the first. */
function useRunning(since: number | null): number | null {
  const [now, setNow] = useState(() => performance.now());
  useEffect(() => {
    if (since === null) return undefined;
    const timer = setInterval(() => setNow(performance.now()), 1000);
    return () => clearInterval(timer);
  }, [since]);
  if (since === null || now - since < 1000) return null;
  return Math.floor((now - since) / 1000) * 1000;
}
