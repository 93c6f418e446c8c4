// What the search found.
import { Download, Heart } from 'lucide-react';
import { Link } from 'wouter';
import type { Hits } from '../../api/answers.ts';
import { compact, relative } from '../../format.ts';
import { Badge } from '../../parts/badge.tsx';
import { Card } from '../../parts/card.tsx';
import { EmptyState, Loaded, Skeleton } from '../../parts/states.tsx';
import { texts } from '../../texts/index.ts';
import { useSearch } from './queries.ts';

const words = texts.get;

export function Results({ asked }: { readonly asked: string }) {
  const query = useSearch(asked);
  return (
    <Card title={asked === '' ? words.popular : words.results}>
      <Loaded query={query} skeleton={<Skeleton height={320} />}>
        {(hits) =>
          hits.length === 0 ? (
            <EmptyState title={words.none.title} text={words.none.text} />
          ) : (
            <ul className={query.isPlaceholderData ? 'get-results get-old' : 'get-results'}>
              {hits.map((hit) => (
                <Hit key={hit.repository} hit={hit} />
              ))}
            </ul>
          )
        }
      </Loaded>
    </Card>
  );
}

function Hit({ hit }: { readonly hit: Hits['models'][number] }) {
  const [owner = '', name = ''] = hit.repository.split('/');
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
      </Link>
    </li>
  );
}
