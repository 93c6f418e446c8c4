// A configuration that may be shown: its secrets become `********`, and come back when an edited text is saved. Nothing
// else of the text changes. Pure; it must never put a secret into a message.
import { Fault } from '../base/fault.ts';
import { maskLines, unmaskLines } from './secret-lines.ts';
import { findPlaces, type Place, type Places } from './secret-places.ts';
import { HOLDS_IDS, isSecretName, LONE, MASK, maskSpans, valueSpans } from './secret-rules.ts';

/**
 * The text with every secret replaced: variables, options, headers, addresses and settings whose names or shapes say so,
 * in comments too. Numbers, yes and no are none. A text that is not YAML is read by its lines, and rather too much hidden.
 */
export function maskSecrets(yamlText: string): string {
  const { places, error } = findPlaces(yamlText);
  if (error !== null) return maskLines(yamlText);
  let masked = '';
  let from = 0;
  for (const place of places) {
    masked += yamlText.slice(from, place.start) + maskOf(place);
    from = place.end;
  }
  return masked + yamlText.slice(from);
}

// A plain scalar may not begin with an asterisk.
const maskOf = (place: Place): string => (place.isBare ? `"${MASK}"` : MASK);

/** The same for what was parsed already: `parse(maskSecrets(text))` is `maskValues(parse(text))`. */
export const maskValues = <T>(value: T): T => maskedValue(value, null, false, false) as T;

function maskedValue(value: unknown, name: string | null, isIds: boolean, isItem: boolean): unknown {
  if (typeof value === 'string') return maskSpans(value, valueSpans(value, name, isItem));
  if (Array.isArray(value)) return value.map((item) => maskedValue(item, name, false, true));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]): [string, unknown] => {
    const secret = name ?? (!isIds && isSecretName(key) ? key : null);
    return [key, maskedValue(inner, secret, !isIds && HOLDS_IDS.has(key), false)];
  });
  return Object.fromEntries(entries);
}

/**
 * Puts back what was masked: each mask of the new text becomes the secret that the current text has at the same path, of
 * list items by their name. Throws `config_invalid`, with line and column, for a mask that stands for nothing, and for a
 * text that is no YAML any more.
 */
export function unmaskSecrets(newText: string, currentText: string): string {
  const current = findPlaces(currentText);
  const given = findPlaces(newText);
  // A broken file was shown by its lines, mended or not since.
  if (current.error !== null)
    return unmaskLines(newText, currentText, (offset, reason) => faultAt(given, offset, reason));
  if (given.error !== null) {
    // The library quotes what it stumbled over.
    const reason = given.error.message.replace(/[:,]? ["'`].*$/s, '');
    throw faultAt(given, given.error.offset, `not valid YAML: ${reason}`);
  }
  const known = Map.groupBy(current.places, (place) => place.key);
  const splices = [...Map.groupBy(given.places, (place) => place.key)].flatMap(([key, places]) =>
    places.flatMap((place, index) => {
      if (!place.value.includes(MASK)) return [];
      const secret = secretFor(known.get(key) ?? [], index, places.length);
      // Somebody's ornament, or what is called so in truth.
      if (secret === null && place.style === 'line' && place.label === LONE) return [];
      if (secret?.value === place.value) return [];
      if (secret === null || place.value !== MASK) throw faultAt(given, place.start, reasonFor(place, known.get(key)));
      return [restore(place, secret)];
    }),
  );
  const restored = splices
    .sort((left, right) => right.start - left.start)
    .reduce((text, { start, end, text: put }) => text.slice(0, start) + put + text.slice(end), newText);
  if (splices.some(({ isSure }) => !isSure)) requireRestored(restored, given, splices);
  return restored;
}

/** By order where none was added or taken away; else only where there is no choice. */
function secretFor(secrets: readonly Place[], index: number, count: number): Place | null {
  if (secrets.length === count) return secrets[index] ?? null;
  return secrets.every((secret) => secret.value === secrets[0]?.value) ? (secrets[0] ?? null) : null;
}

function reasonFor(place: Place, secrets: readonly Place[] | undefined): string {
  if (place.value !== MASK) return 'the mask is only a part of what stands here';
  return secrets === undefined
    ? 'the mask stands for no secret of the current file'
    : 'it cannot be told which of several secrets the mask stands for';
}

interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly place: Place;
  readonly secret: Place;
  /** False where only a look at the result can tell that it says the same. */
  readonly isSure: boolean;
}

/** The secret's own bytes where it is written in the same way as before, else its value in the new way. */
function restore(place: Place, secret: Place): Splice {
  // It had no quotes; those around the mask are ours.
  const isUnquoted = secret.isBare && place.style !== 'block' && place.scalar[0] < place.start;
  const [start, end] = isUnquoted ? place.scalar : [place.start, place.end];
  const isAlike = isUnquoted || place.style === secret.style;
  const isSure = isAlike && (secret.style !== 'plain' || /^[\w.~+/=-]+$/.test(secret.raw));
  const text = isAlike ? indented(secret.raw, place.indent - secret.indent) : rewritten(place, secret.value);
  return { start, end, text, place, secret, isSure };
}

function rewritten(place: Place, value: string): string {
  if (place.isBare) return JSON.stringify(value);
  if (place.style === 'double') return JSON.stringify(value).slice(1, -1);
  return place.style === 'single' ? value.replaceAll("'", "''") : value;
}

/** A secret of several lines, in a block that has moved. */
const indented = (raw: string, columns: number): string =>
  columns >= 0
    ? raw.replaceAll(/(\n)(?=[^\r\n])/g, `$1${' '.repeat(columns)}`)
    : raw.replaceAll(new RegExp(`(\\n) {0,${-columns}}`, 'g'), '$1');

/** A secret written in a new way may say something else there: that is told, not saved. */
function requireRestored(restored: string, given: Places, splices: readonly Splice[]): void {
  const after = findPlaces(restored);
  const secrets = new Map(splices.map(({ place, secret }) => [place, secret.value]));
  for (const [index, place] of given.places.entries()) {
    if (after.error === null && after.places[index]?.value === (secrets.get(place) ?? place.value)) continue;
    throw faultAt(given, place.start, 'the secret cannot be put back as it is written here; write it anew');
  }
}

function faultAt(given: Places, offset: number, reason: string): Fault {
  const { line, col: column } = given.lines.linePos(offset);
  return new Fault('config_invalid', `line ${line}, column ${column}: ${reason}`, {
    hint: `Write the value itself in place of ${MASK}.`,
    details: { line, column },
  });
}
