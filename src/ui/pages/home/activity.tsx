// What was asked of late, newest first, and how the latest loads went.
import { useUsage, useVerdicts } from '../../api/queries.ts';
import { useNow } from '../../app/clock.ts';
import { OUTCOME_TONES } from '../../app/course.ts';
import { count, duration, relative, tokensPerSecond, when } from '../../format.ts';
import { Badge } from '../../parts/badge.tsx';
import { Card } from '../../parts/card.tsx';
import { EmptyState, Loaded, Skeleton } from '../../parts/states.tsx';
import { Table } from '../../parts/table.tsx';
import { texts } from '../../texts/index.ts';

const SHOWN = 8;
/** A caller that went away before the end. */
const LEFT = 499;

export function Activity() {
  const { activity, loads, running } = texts.home;
  const usage = useUsage();
  const { data: verdicts = [] } = useVerdicts();
  const now = useNow(15_000);
  const latestLoads = verdicts.toSorted((left, right) => right.at - left.at).slice(0, 4);
  return (
    <Card title={activity.title}>
      <Loaded query={usage} skeleton={<Skeleton height={90} />}>
        {({ requests }) =>
          requests.length === 0 ? (
            <EmptyState title={activity.none} text={activity.noneText} />
          ) : (
            <Table
              label={activity.title}
              className="home-requests"
              head={[activity.model, activity.when, activity.tokens, activity.speed, activity.took]}
            >
              {requests
                .slice(-SHOWN)
                .toReversed()
                .map((request) => (
                  <tr key={`${request.startedAt} ${request.durationMs} ${request.modelId}`}>
                    <th scope="row">
                      <span className="home-cell truncate" title={request.modelId}>
                        {request.modelId}
                      </span>
                    </th>
                    <td title={when(request.startedAt)}>{relative(request.startedAt + request.durationMs, now)}</td>
                    <td className="figures">
                      {request.status >= 400 ? (
                        <Badge tone={request.status === LEFT ? 'neutral' : 'bad'}>
                          {request.status === LEFT ? activity.left : activity.status(request.status)}
                        </Badge>
                      ) : (
                        activity.inOut(count(request.promptTokens), count(request.generatedTokens))
                      )}
                    </td>
                    <td className="figures">{tokensPerSecond(speedOf(request))}</td>
                    <td className="figures">{duration(request.durationMs)}</td>
                  </tr>
                ))}
            </Table>
          )
        }
      </Loaded>
      {latestLoads.length > 0 && (
        <section className="column" aria-label={loads.title}>
          <h3>{loads.title}</h3>
          <ul className="home-loads small">
            {latestLoads.map((verdict) => (
              <li key={verdict.modelId}>
                <span className="truncate" title={verdict.modelId}>
                  {verdict.modelId}
                </span>
                <Badge tone={OUTCOME_TONES[verdict.outcome]}>{running.outcomes[verdict.outcome]}</Badge>
                <span className="dim figures">
                  {verdict.loadMs === null ? null : `${loads.took(duration(verdict.loadMs))}, `}
                  {relative(verdict.at, now)}
                </span>
              </li>
            ))}
          </ul>
        </section>
      )}
    </Card>
  );
}

/** Tokens a second by the engine's own count; unknown where one token came. */
function speedOf({
  generatedTokens,
  generationMs,
}: {
  readonly generatedTokens: number | null;
  readonly generationMs: number | null;
}): number | null {
  if (generatedTokens === null || generationMs === null || generatedTokens < 2 || generationMs <= 0) return null;
  return (generatedTokens * 1000) / generationMs;
}
