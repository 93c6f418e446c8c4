// Where what was searched for stands in a text, without regard to case. Pure.
export interface Piece {
  readonly text: string;
  readonly isHit: boolean;
  /** Where it begins. */
  readonly at: number;
}

export function hitsIn(text: string, query: string): readonly Piece[] {
  const folded = text.toLowerCase();
  const wanted = query.trim().toLowerCase();
  // Some letters change their length with their case; then places would be wrong.
  if (wanted === '' || folded.length !== text.length) return [{ text, isHit: false, at: 0 }];
  const pieces: Piece[] = [];
  let at = 0;
  for (;;) {
    const hit = folded.indexOf(wanted, at);
    if (hit === -1) break;
    if (hit > at) pieces.push({ text: text.slice(at, hit), isHit: false, at });
    pieces.push({ text: text.slice(hit, hit + wanted.length), isHit: true, at: hit });
    at = hit + wanted.length;
  }
  return at < text.length ? [...pieces, { text: text.slice(at), isHit: false, at }] : pieces;
}
