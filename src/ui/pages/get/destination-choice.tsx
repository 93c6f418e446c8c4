// The choice of the folder that a download goes to; nothing where there is but one.
import { size } from '../../format.ts';
import { Select } from '../../parts/field.tsx';
import { texts } from '../../texts/index.ts';
import type { Destination } from './destination.ts';
import type { Place } from './places.ts';

const words = texts.get.destination;

export function DestinationChoice({ places, chosen, choose }: Destination) {
  if (chosen === null || places.length < 2) return null;
  return (
    <div className="get-destination">
      <Select
        label={words.label}
        value={chosen.path}
        items={places.map((place) => ({ value: place.path, label: <PlaceLabel place={place} /> }))}
        onChange={(path) => {
          const place = places.find((candidate) => candidate.path === path);
          if (place !== undefined) choose(place);
        }}
      />
    </div>
  );
}

/** Of a path that is too long, its end tells more than its beginning. */
function PlaceLabel({ place: { path, isDefault, freeBytes } }: { readonly place: Place }) {
  return (
    <span className="get-place">
      <span className="get-place-path" title={path}>
        <bdi>{path}</bdi>
      </span>
      <span className="dim small figures">
        {isDefault && <span className="get-place-usual">{`${words.usual} · `}</span>}
        {freeBytes === null ? words.unknown : words.free(size(freeBytes))}
      </span>
    </span>
  );
}
