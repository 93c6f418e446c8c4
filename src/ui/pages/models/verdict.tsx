// What the last load really did, against what was planned.
import type { Verdict } from '../../api/answers.ts';
import { OUTCOME_TONES } from '../../app/course.ts';
import { context, duration, size, tokensPerSecond } from '../../format.ts';
import { Badge } from '../../parts/badge.tsx';
import { Card } from '../../parts/card.tsx';
import { Notice } from '../../parts/notice.tsx';
import { Facts } from '../../parts/table.tsx';
import { texts } from '../../texts/index.ts';

const { verdict: words, plan } = texts.models;

export function VerdictCard({ verdict }: { readonly verdict: Verdict }) {
  const { outcome, layersOnGpu, layersTotal, measuredBytes, predictedBytes } = verdict;
  const memory = Object.entries(measuredBytes ?? {}).map(
    ([device, bytes]) =>
      [
        words.memory(device === 'Host' ? plan.host : device),
        words.memoryOf(size(bytes), size(predictedBytes?.[device] ?? null)),
      ] as const,
  );
  const cache =
    verdict.cacheTypeK === verdict.cacheTypeV ? verdict.cacheTypeK : `${verdict.cacheTypeK}, ${verdict.cacheTypeV}`;
  return (
    <Card title={words.title} level={3} actions={<Badge tone={OUTCOME_TONES[outcome]}>{words[outcome]}</Badge>}>
      {verdict.findings.map(({ message, hint }) => (
        <Notice key={message} tone={OUTCOME_TONES[outcome]} title={message} text={hint} />
      ))}
      <Facts
        items={[
          [
            words.layers,
            layersOnGpu === null || layersTotal === null
              ? texts.parts.unknown
              : words.layersOf(String(layersOnGpu), String(layersTotal)),
          ],
          [words.context, context(verdict.contextTokens)],
          [words.cache, cache ?? texts.parts.unknown],
          [words.loadTime, duration(verdict.loadMs)],
          [words.speed, tokensPerSecond(verdict.tokensPerSecond)],
          ...memory,
        ]}
      />
    </Card>
  );
}
