// One repository: its quantizations, what each would do on this machine, and which to take.
import { ArrowLeft, Download as DownloadIcon, ExternalLink } from 'lucide-react';
import { useId, useState } from 'react';
import { Link } from 'wouter';
import type { Download, Model, Offer } from '../../api/answers.ts';
import { useDownloads, useModels } from '../../api/queries.ts';
import { FIT_TONES } from '../../app/course.ts';
import { openDownloads, startDownload } from '../../app/downloads.ts';
import { context, size } from '../../format.ts';
import { Badge } from '../../parts/badge.tsx';
import { Button, ButtonLink } from '../../parts/button.tsx';
import { Card } from '../../parts/card.tsx';
import { Notice } from '../../parts/notice.tsx';
import { ErrorState, Loaded, Skeleton } from '../../parts/states.tsx';
import { Table } from '../../parts/table.tsx';
import { texts } from '../../texts/index.ts';
import type { Destination } from './destination.ts';
import { DestinationChoice } from './destination-choice.tsx';
import { folderOf, type Place, shortOf } from './places.ts';
import { useOffer } from './queries.ts';

const words = texts.get;
type Quant = Offer['quants'][number];

interface RepositoryProps {
  readonly repository: string;
  /** Where the search was left. */
  readonly back: string;
  readonly destination: Destination;
}

export function Repository({ repository, back, destination }: RepositoryProps) {
  const query = useOffer(repository);
  return (
    <div className="column">
      <Link href={back} className="get-back">
        <ArrowLeft size={15} aria-hidden />
        {words.back}
      </Link>
      <Card
        title={<span className="get-title">{repository}</span>}
        actions={
          <a
            className="button button-plain button-small"
            href={`https://huggingface.co/${repository}`}
            target="_blank"
            rel="noopener noreferrer"
          >
            <ExternalLink size={14} aria-hidden />
            {words.open}
          </a>
        }
      >
        <Loaded query={query} skeleton={<Skeleton height={340} />}>
          {(offer) => <Quants offer={offer} destination={destination} />}
        </Loaded>
      </Card>
    </div>
  );
}

function Quants({ offer, destination }: { readonly offer: Offer; readonly destination: Destination }) {
  const [failure, setFailure] = useState<unknown>(null);
  const { data: downloads = [] } = useDownloads();
  const { data: models = [] } = useModels();
  const { column } = words;
  return (
    <>
      {offer.gate !== 'open' && (
        <Notice
          tone="warn"
          title={words.gate.title}
          text={words.gate.text}
          actions={
            <ButtonLink isSmall to="/settings">
              {words.gate.settings}
            </ButtonLink>
          }
        />
      )}
      <p>{offer.reason}</p>
      {offer.hasProjector && <p className="dim">{words.projector}</p>}
      <DestinationChoice {...destination} />
      {failure !== null && <ErrorState error={failure} />}
      <Table label={words.quants} head={[column.quant, column.size, column.fit, column.actions]}>
        {offer.quants.map((quant) => (
          <QuantRow
            key={quant.tag}
            quant={quant}
            repository={offer.repository}
            isRecommended={offer.recommended === quant.tag}
            job={jobOf(downloads, offer.repository, quant)}
            models={models}
            place={destination.chosen}
            onFailure={setFailure}
          />
        ))}
      </Table>
    </>
  );
}

const jobOf = (downloads: readonly Download[], repository: string, quant: Quant): Download | null =>
  downloads.find(
    (job) =>
      job.repository === repository && (job.quantization === quant.quantization || job.quantization === quant.tag),
  ) ?? null;

interface QuantRowProps {
  readonly quant: Quant;
  readonly repository: string;
  readonly isRecommended: boolean;
  readonly job: Download | null;
  readonly models: readonly Model[];
  /** Where it would go; null: not known. */
  readonly place: Place | null;
  readonly onFailure: (thrown: unknown) => void;
}

function QuantRow({ quant, repository, isRecommended, job, models, place, onFailure }: QuantRowProps) {
  const [isBusy, setBusy] = useState(false);
  const noteId = useId();
  const { tag, fit, totalBytes, fileCount, contextTokens, gpuLayers, layerCount } = quant;
  const alias = `${repository}:${tag}`.toLowerCase();
  const here = models.find(({ aliases }) => aliases.some((name) => name.toLowerCase() === alias));
  const isOpen = job !== null && openDownloads([job]).length > 0;
  const download = async (): Promise<void> => {
    setBusy(true);
    onFailure(null);
    try {
      await startDownload(`${repository}:${tag}`, folderOf(place));
    } catch (thrown) {
      onFailure(thrown);
    } finally {
      setBusy(false);
    }
  };
  const freeBytes = shortOf(totalBytes, place);
  const details = [
    gpuLayers > 0 ? words.layers(gpuLayers, layerCount) : null,
    contextTokens === null ? null : words.context(context(contextTokens)),
    quant.isEstimate ? words.estimate : null,
  ].filter((detail) => detail !== null);
  return (
    <tr className={isRecommended ? 'get-recommended' : undefined}>
      <th scope="row">
        <span className="row">
          {tag}
          {isRecommended && <Badge tone="accent">{words.recommendedOne}</Badge>}
          {!quant.isComplete && <Badge tone="bad">{words.incomplete}</Badge>}
        </span>
      </th>
      <td className="figures">
        {size(totalBytes)}
        {fileCount > 1 && <span className="dim small">{` · ${words.files(fileCount)}`}</span>}
      </td>
      <td>
        <span className="row">
          <Badge tone={FIT_TONES[fit]}>{words.fits[fit]}</Badge>
          <span className="dim small figures">{details.join(' · ')}</span>
        </span>
      </td>
      <td>
        {here !== undefined ? (
          <ButtonLink isSmall to={`/models/${encodeURIComponent(here.id)}`}>
            {words.hereDetails}
          </ButtonLink>
        ) : isOpen ? (
          <Badge tone="accent" isLive>
            {words.onItsWay}
          </Badge>
        ) : (
          <span className="row">
            <Button
              isSmall
              tone={isRecommended ? 'primary' : 'plain'}
              isBusy={isBusy}
              disabled={!quant.isComplete}
              icon={<DownloadIcon size={14} aria-hidden />}
              aria-label={words.downloadOf(tag)}
              {...(freeBytes !== null ? { 'aria-describedby': noteId } : {})}
              onClick={() => void download()}
            >
              {words.download}
            </Button>
            {freeBytes !== null && (
              <span id={noteId} className="small get-warning">
                {words.destination.tooLarge(size(freeBytes))}
              </span>
            )}
          </span>
        )}
      </td>
    </tr>
  );
}
