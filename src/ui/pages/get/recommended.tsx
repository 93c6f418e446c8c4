// A few models that suit this machine, before anybody has searched.
import { Link } from 'wouter';
import { useRecommended } from '../../api/queries.ts';
import { compact, size } from '../../format.ts';
import { Card } from '../../parts/card.tsx';
import { texts } from '../../texts/index.ts';

const words = texts.get;

/** Nothing where the hub cannot be reached: the search says why. */
export function Recommended() {
  const { data } = useRecommended();
  if (data === undefined || data.failure !== null || data.models.length === 0) return null;
  return (
    <Card title={words.recommended} text={words.recommendedText}>
      <ul className="get-cards">
        {data.models.slice(0, 6).map(({ repository, title, about, parameterCount, offer }) => (
          <li key={repository}>
            <Link href={`/get/${repository}`} className="get-card">
              <span className="get-name">{title}</span>
              <span className="small">{about}</span>
              <span className="dim small figures">
                {[compact(parameterCount), offer === null ? null : `${offer.tag} · ${size(offer.totalBytes)}`]
                  .filter((part) => part !== null)
                  .join(' · ')}
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </Card>
  );
}
