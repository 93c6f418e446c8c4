// What the doctor finds: what is wrong first, each with the click or the command that mends it; what is fine is folded.
import { RotateCw, Wrench } from 'lucide-react';
import { useState } from 'react';
import { mendSafe, useDoctor } from '../../api/queries.ts';
import type { Tone } from '../../parts/badge.tsx';
import { Button, ButtonLink, IconButton } from '../../parts/button.tsx';
import { Card } from '../../parts/card.tsx';
import { CopyButton } from '../../parts/copy-button.tsx';
import { Notice } from '../../parts/notice.tsx';
import { Loaded, Skeleton } from '../../parts/states.tsx';
import { toast, toastError } from '../../parts/toast.tsx';
import { texts } from '../../texts/index.ts';
import { canMend, commandOf, type Finding, placeFor, sortedFindings } from './mending.ts';

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
              {canMend(findings) && <MendButton />}
              <Folded summary={health.notes(notes.length)} findings={notes} />
              <Folded summary={health.folded(fine.length)} findings={fine} />
            </div>
          );
        }}
      </Loaded>
    </Card>
  );
}

/** What was done is told, also when the button has gone meanwhile; what is left stands in the list anew. */
function MendButton() {
  const { health } = texts.home;
  const [isBusy, setBusy] = useState(false);
  const start = async (): Promise<void> => {
    setBusy(true);
    try {
      const { done } = await mendSafe();
      toast({ tone: 'ok', title: health.mended(done.length), text: done.join(' ') });
    } catch (thrown) {
      toastError(thrown);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div>
      <Button isSmall icon={<Wrench size={15} aria-hidden />} isBusy={isBusy} onClick={() => void start()}>
        {health.mendSafe}
      </Button>
    </div>
  );
}

function Wrong({ finding }: { readonly finding: Finding }) {
  const { health } = texts.home;
  const place = placeFor(finding);
  const command = commandOf(finding);
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
      text={<Way finding={finding} />}
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

/** The hint, the command as it is typed, and, folded, what was seen. */
function Way({ finding: { hint, command, evidence } }: { readonly finding: Finding }) {
  const { health } = texts.home;
  return (
    <>
      {hint}
      {command !== null && <code className="home-command">{command}</code>}
      {evidence.length > 0 && (
        <details className="home-evidence small">
          <summary>{health.evidence}</summary>
          <ul>
            {evidence.map((line) => (
              <li key={line}>
                <code>{line}</code>
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

function Folded({ summary, findings }: { readonly summary: string; readonly findings: readonly Finding[] }) {
  if (findings.length === 0) return null;
  return (
    <details className="home-folded small">
      <summary className="dim">{summary}</summary>
      <ul>
        {findings.map((finding) => (
          <li key={`${finding.id} ${finding.message}`}>
            {finding.message}
            {finding.severity !== 'ok' && (
              <div className="dim">
                <Way finding={finding} />
              </div>
            )}
          </li>
        ))}
      </ul>
    </details>
  );
}
