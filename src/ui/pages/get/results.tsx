// What the search found.
import { Card } from '../../parts/card.tsx';
import { EmptyState, Loaded, Skeleton } from '../../parts/states.tsx';
import { texts } from '../../texts/index.ts';
import { Hit } from './hit.tsx';
import { useHits } from './queries.ts';
import type { Asking } from './search-address.ts';

const words = texts.get;

export function Results({ asking }: { readonly asking: Asking }) {
  const query = useHits(asking);
  return (
    <Card title={asking.words === '' ? words.orders[asking.order] : words.results}>
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
