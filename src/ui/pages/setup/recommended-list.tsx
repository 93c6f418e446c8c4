// Models that suit this machine, each with one press to get it.
import { Download as DownloadIcon } from 'lucide-react';
import { useState } from 'react';
import type { Download, Recommended } from '../../api/answers.ts';
import { useRecommended } from '../../api/queries.ts';
import { openDownloads, startDownload } from '../../app/downloads.ts';
import { compact, context, size } from '../../format.ts';
import { Badge } from '../../parts/badge.tsx';
import { Button } from '../../parts/button.tsx';
import { Notice } from '../../parts/notice.tsx';
import { Loaded, reasonOf, Skeleton } from '../../parts/states.tsx';
import { texts } from '../../texts/index.ts';

interface RecommendedListProps {
  readonly downloads: readonly Download[];
  /** There are models already: it is offered, not shown. */
  readonly isFolded: boolean;
}

export function RecommendedList({ downloads, isFolded }: RecommendedListProps) {
  const { models: words } = texts.setup;
  if (!isFolded) {
    return (
      <section className="column" aria-label={words.recommended}>
        <div>
          <h3>{words.recommended}</h3>
          <p className="dim small">{words.recommendedText}</p>
        </div>
        <List downloads={downloads} />
      </section>
    );
  }
  return (
    <details className="setup-folded">
      <summary>{words.recommended}</summary>
      <List downloads={downloads} />
    </details>
  );
}

function List({ downloads }: Pick<RecommendedListProps, 'downloads'>) {
  const { models: words } = texts.setup;
  const query = useRecommended();
  return (
    <Loaded query={query} skeleton={<Skeleton height={190} />}>
      {({ models, failure }) => (
        <>
          {failure !== null && (
            <Notice
              tone="warn"
              title={failure.message}
              text={failure.hint ?? words.noSizes}
              actions={
                <Button isSmall isBusy={query.isFetching} onClick={() => void query.refetch()}>
                  {texts.parts.tryAgain}
                </Button>
              }
            />
          )}
          {failure === null && models.length === 0 && <p className="dim small">{words.noneRecommended}</p>}
          <ul className="setup-recommended">
            {models.map((model, index) => (
              <RecommendedRow
                key={model.repository}
                model={model}
                isBest={index === 0 && model.offer !== null}
                canGet={failure === null}
                isOnItsWay={openDownloads(downloads).some(({ repository }) => repository === model.repository)}
              />
            ))}
          </ul>
        </>
      )}
    </Loaded>
  );
}

interface RowProps {
  readonly model: Recommended['models'][number];
  readonly isBest: boolean;
  /** False: the hub was not reached. */
  readonly canGet: boolean;
  readonly isOnItsWay: boolean;
}

function RecommendedRow({ model, isBest, canGet, isOnItsWay }: RowProps) {
  const { models: words } = texts.setup;
  const { title, about, repository, offer, parameterCount, licence, canSee } = model;
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const download = async (): Promise<void> => {
    setBusy(true);
    setFailure(null);
    try {
      await startDownload(offer === null ? repository : `${repository}:${offer.tag}`);
    } catch (thrown) {
      setFailure(thrown);
    } finally {
      setBusy(false);
    }
  };
  const facts = [
    offer === null ? null : `${size(offer.totalBytes)} · ${offer.tag}`,
    words.parameters(compact(parameterCount)),
    offer?.contextTokens == null ? null : words.context(context(offer.contextTokens)),
    canSee ? words.seesPictures : null,
    licence,
  ].filter((fact) => fact !== null);
  return (
    <li className="setup-offer">
      <div className="setup-offer-text">
        <p className="row">
          <span className="home-strong">{title}</span>
          {isBest && <Badge tone="accent">{words.best}</Badge>}
          {offer !== null && offer.fit !== 'fits' && <Badge tone="warn">{words.fits[offer.fit]}</Badge>}
        </p>
        <p className="small">{about}</p>
        <p className="dim small figures">{facts.join(' · ')}</p>
        {failure !== null && <Refusal thrown={failure} />}
      </div>
      {canGet && (
        <Button
          tone={isBest ? 'primary' : 'plain'}
          isBusy={isBusy}
          disabled={isOnItsWay}
          icon={<DownloadIcon size={15} aria-hidden />}
          aria-label={words.downloadOf(title)}
          onClick={() => void download()}
        >
          {words.download}
        </Button>
      )}
    </li>
  );
}

function Refusal({ thrown }: { readonly thrown: unknown }) {
  const { message, hint } = reasonOf(thrown);
  return (
    <p className="field-error" role="alert">
      {message} {hint}
    </p>
  );
}
