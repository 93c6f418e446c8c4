// The server itself and its engine.
import type { Status } from '../../api/answers.ts';
import { useStatus } from '../../api/queries.ts';
import { useNow } from '../../app/clock.ts';
import { duration, relative } from '../../format.ts';
import { Card } from '../../parts/card.tsx';
import { Loaded, Skeleton } from '../../parts/states.tsx';
import { Facts } from '../../parts/table.tsx';
import { texts } from '../../texts/index.ts';

export function ServerFacts() {
  const { server } = texts.home;
  const query = useStatus();
  const now = useNow(30_000);
  return (
    <Card title={server.title}>
      <Loaded query={query} skeleton={<Skeleton height={150} />}>
        {(status) => <Facts items={factsOf(status, now)} />}
      </Loaded>
    </Card>
  );
}

function factsOf(status: Status, now: number): readonly (readonly [string, string])[] {
  const { server, backends } = texts.home;
  const { engine } = status;
  return [
    ...(engine === null
      ? [[server.engine, status.engineFailure ?? server.noEngine] as const]
      : [
          [server.engine, [server.backend(backends[engine.backend]), engine.version].join(', ')] as const,
          [server.proof, proofText(engine, now)] as const,
        ]),
    [server.version, status.version],
    [server.uptime, duration(Math.max(0, now - status.startedAt))],
    [server.data, status.dataFolder],
  ];
}

function proofText({ proof }: NonNullable<Status['engine']>, now: number): string {
  const { server } = texts.home;
  if (proof === null) return server.noProof;
  if (!proof.isGood) return server.proofFailed(proof.reason ?? texts.parts.unknown);
  return server.proofOn(proof.bufferDevices.join(', '), relative(proof.at, now));
}
