// Where downloads go: what the server offers, and what was chosen the last time on this device.
import { useState } from 'react';
import { chosenOf, folderOf, type Place } from './places.ts';
import { useDestinations } from './queries.ts';

const NAME = 'drover-download-folder';

export interface Destination {
  readonly places: readonly Place[];
  readonly chosen: Place | null;
  readonly choose: (place: Place) => void;
}

export function useDestination(): Destination {
  const { data: places = [] } = useDestinations();
  const [kept, setKept] = useState(() => localStorage.getItem(NAME));
  const choose = (place: Place): void => {
    const folder = folderOf(place);
    if (folder === null) localStorage.removeItem(NAME);
    else localStorage.setItem(NAME, folder);
    setKept(folder);
  };
  return { places, chosen: chosenOf(places, kept), choose };
}
