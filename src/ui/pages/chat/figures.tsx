// What an answer took, as the engine counted it; what is not known is left out.
import { count, duration, figure } from '../../format.ts';
import { texts } from '../../texts/index.ts';
import type { ChatMetrics } from './chat.ts';
import { speedOf } from './fold.ts';

export function Figures({ metrics }: { readonly metrics: ChatMetrics | null }) {
  if (metrics === null) return null;
  const { figures } = texts.chat;
  const speed = speedOf(metrics);
  const { generatedTokens, firstTokenMs, promptTokens, cachedTokens } = metrics;
  const said = [
    speed === null ? null : figures.speed(figure(speed)),
    generatedTokens === null ? null : figures.generated(count(generatedTokens)),
    firstTokenMs === null ? null : figures.first(duration(firstTokenMs)),
    promptTokens === null
      ? null
      : cachedTokens === null || cachedTokens === 0
        ? figures.prompt(count(promptTokens))
        : figures.promptCached(count(promptTokens), count(cachedTokens)),
  ].filter((text) => text !== null);
  if (said.length === 0) return null;
  return (
    <ul className="chat-figures figures" aria-label={figures.label}>
      {said.map((text) => (
        <li key={text}>{text}</li>
      ))}
    </ul>
  );
}
