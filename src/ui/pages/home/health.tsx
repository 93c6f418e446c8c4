// What the doctor finds: what is wrong first, each with the click or the command that mends it; what is fine is folded.
import { RotateCw } from 'lucide-react';
import { useDoctor } from '../../api/queries.ts';
import type { Tone } from '../../parts/badge.tsx';
import { ButtonLink, IconButton } from '../../parts/button.tsx';
import { Card } from '../../parts/card.tsx';
import { CopyButton } from '../../parts/copy-button.tsx';
import { Notice } from '../../parts/notice.tsx';
import { Loaded, Skeleton } from '../../parts/states.tsx';
import { texts } from '../../texts/index.ts';
import { commandIn, type Finding, placeFor, sortedFindings } from './mending.ts';

const TONES: { readonly [Severity in Finding['severity']]: Tone } = {
  error: 'bad',
  warning: 'warn',
  note: 'neutral',
  ok: 'ok',
};

export function Health() {
  const { health } = texts.home;
  const query = useDoctor();
  return (
    <Card
      title={health.title}
      className="home-health"
      actions={
        <IconButton label={health.again} isSmall isBusy={query.isFetching} onClick={() => void query.refetch()}>
          <RotateCw size={15} aria-hidden />
        </IconButton>
      }
    >
      <Loaded query={query} skeleton={<Skeleton height={80} />}>
        {(findings) => {
          const { wrong, notes, fine } = sortedFindings(findings);
          return (
            <div className="column">
              {wrong.length === 0 && <Notice tone="ok" title={health.good} />}
              {wrong.map((finding) => (
                <Wrong key={`${finding.id} ${finding.message}`} finding={finding} />
              ))}
              <Folded summary={health.notes(notes.length)} findings={notes} />
              <Folded summary={health.folded(fine.length)} findings={fine} />
            </div>
          );
        }}
      </Loaded>
    </Card>
  );
}

function Wrong({ finding }: { readonly finding: Finding }) {
  const { health } = texts.home;
  const place = placeFor(finding);
  const command = commandIn(finding.hint);
  const hasActions = place !== null || command !== null;
  return (
    <Notice
      tone={TONES[finding.severity]}
      title={
        <>
          <span className="only-read">{health.severity[finding.severity]} </span>
          {finding.message}
        </>
      }
      text={finding.hint}
      actions={
        hasActions ? (
          <>
            {place !== null && (
              <ButtonLink to={place.to} isSmall>
                {place.label}
              </ButtonLink>
            )}
            {command !== null && <CopyButton text={command} label={health.copy} hasText />}
          </>
        ) : undefined
      }
    />
  );
}

function Folded({ summary, findings }: { readonly summary: string; readonly findings: readonly Finding[] }) {
  if (findings.length === 0) return null;
  return (
    <details className="home-folded small">
      <summary className="dim">{summary}</summary>
      <ul>
        {findings.map(({ id, message, hint }) => (
          <li key={`${id} ${message}`}>
            {message}
            {hint !== null && <span className="dim"> {hint}</span>}
          </li>
        ))}
      </ul>
    </details>
  );
}
