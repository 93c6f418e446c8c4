// How much of the model's context the last answer used; nothing where it is not known.
import { context, count } from '../../format.ts';
import { Meter } from '../../parts/meter.tsx';
import { texts } from '../../texts/index.ts';
import type { ChatMessage } from './chat.ts';

interface ContextProps {
  readonly path: readonly ChatMessage[];
  /** Of the model as it was loaded; null: not known. */
  readonly wholeTokens: number | null;
}

export function ContextMeter({ path, wholeTokens }: ContextProps) {
  const used = usedTokens(path);
  if (used === null || wholeTokens === null || wholeTokens <= 0) return null;
  const { context: said, contextLabel } = texts.chat.composer;
  const text = said(count(used), context(wholeTokens));
  const ratio = used / wholeTokens;
  return (
    <div className="chat-context" title={text}>
      <Meter label={contextLabel} ratio={ratio} valueText={text} tone={ratio > 0.9 ? 'warn' : 'accent'} />
      <span className="dim small figures" aria-hidden>
        {count(used)} / {context(wholeTokens)}
      </span>
    </div>
  );
}

function usedTokens(path: readonly ChatMessage[]): number | null {
  const metrics = path.findLast(({ role, metrics: known }) => role === 'assistant' && known !== null)?.metrics;
  if (metrics == null || metrics.promptTokens === null || metrics.generatedTokens === null) return null;
  return metrics.promptTokens + metrics.generatedTokens;
}
