// One repository that the search found, with what the hub says of it; what it does not say is left out.
import {
  AudioLines,
  Clapperboard,
  Download,
  Eye,
  Heart,
  Image,
  ListOrdered,
  type LucideIcon,
  MessageSquareText,
  Shapes,
  Spline,
} from 'lucide-react';
import { Link } from 'wouter';
import type { Hits } from '../../api/answers.ts';
import { compact, context, relative } from '../../format.ts';
import { Badge } from '../../parts/badge.tsx';
import { texts } from '../../texts/index.ts';
import { type Purpose, purposeOf } from './pipelines.ts';

const words = texts.get;

const ICONS: Readonly<Record<Purpose, LucideIcon>> = {
  text: MessageSquareText,
  vision: Eye,
  embedding: Spline,
  reranking: ListOrdered,
  speech: AudioLines,
  image: Image,
  video: Clapperboard,
};

export function Hit({ hit }: { readonly hit: Hits['models'][number] }) {
  const [owner = '', name = ''] = hit.repository.split('/');
  const { parameterCount, contextTokens, architecture, pipeline, licence } = hit;
  const facts = [
    parameterCount === null ? null : words.parameters(compact(parameterCount)),
    contextTokens === null ? null : words.context(context(contextTokens)),
    architecture,
    licence === null ? null : words.licence(licence),
  ].filter((fact) => fact !== null);
  return (
    <li>
      <Link href={`/get/${hit.repository}`} className="get-hit">
        <span className="get-name">
          <span className="dim">{`${owner}/`}</span>
          {name}
        </span>
        <span className="row dim small figures">
          {hit.gate !== 'open' && <Badge tone="warn">{words.gated}</Badge>}
          <span className="get-figure" title={words.downloads(String(hit.downloads))}>
            <Download size={13} aria-hidden />
            <span aria-hidden>{compact(hit.downloads)}</span>
            <span className="only-read">{words.downloads(compact(hit.downloads))}</span>
          </span>
          <span className="get-figure" title={words.likes(String(hit.likes))}>
            <Heart size={13} aria-hidden />
            <span aria-hidden>{compact(hit.likes)}</span>
            <span className="only-read">{words.likes(compact(hit.likes))}</span>
          </span>
          {hit.updatedAt !== null && <span>{words.updated(relative(hit.updatedAt, Date.now()))}</span>}
        </span>
        {(pipeline !== null || facts.length > 0) && (
          <span className="get-facts dim small figures">
            {pipeline !== null && <PurposeBadge pipeline={pipeline} />}
            {facts.length > 0 && <span>{facts.join(' · ')}</span>}
          </span>
        )}
      </Link>
    </li>
  );
}

function PurposeBadge({ pipeline }: { readonly pipeline: string }) {
  const purpose = purposeOf(pipeline);
  const Icon = purpose === null ? Shapes : ICONS[purpose];
  return <Badge icon={<Icon size={12} aria-hidden />}>{purpose === null ? pipeline : words.purposes[purpose]}</Badge>;
}
