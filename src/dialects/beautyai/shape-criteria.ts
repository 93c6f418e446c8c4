// What a test asks of an answer, and whether the answer is so. Pure. It must never take a failing answer for a failing test.
import type { CriteriaWords } from './schema-inference.ts';

/** Below this many words nothing is said about repetition. */
const TELLING_WORDS = 20;
/** Of the words of a text, the part that are different ones; language is far above, a loop far below. */
const LEAST_VARIETY = 0.2;

/** Null where nothing is asked. */
export function judge(answer: string, criteria: CriteriaWords) {
  const { min_length: least, max_length: most, check_coherence: isCoherenceAsked } = criteria;
  const keywords = criteria.required_keywords ?? null;
  const forbidden = criteria.forbidden_content ?? null;
  if ([least, most, isCoherenceAsked, keywords, forbidden].every((asked) => asked == null)) return null;
  // In characters as people count them, not in UTF-16.
  const length = [...answer].length;
  const text = folded(answer);
  const found = (keywords ?? []).filter((word) => text.includes(folded(word)));
  const foundForbidden = (forbidden ?? []).filter((word) => text.includes(folded(word)));
  const sentences = sentencesIn(answer);
  const missing = (keywords ?? []).filter((word) => !found.includes(word));
  const errors = [
    least != null && length < least ? `The answer has ${length} characters, ${least} at least are wanted.` : null,
    most != null && length > most ? `The answer has ${length} characters, ${most} at most are wanted.` : null,
    ...missing.map((word) => `"${word}" is missing.`),
    ...foundForbidden.map((word) => `"${word}" is forbidden and there.`),
    isCoherenceAsked === true ? incoherenceOf(answer, sentences) : null,
  ].filter((error) => error !== null);
  return {
    valid: errors.length === 0,
    checks: { length, keywords_found: found, forbidden_content_found: foundForbidden, sentence_count: sentences },
    errors,
  };
}

const folded = (text: string): string => text.normalize('NFC').toLowerCase();

/** What ends with a full stop or its like, in any script, and what is left without one. */
const sentencesIn = (text: string): number =>
  text.split(/(?<=[.!?…])\s+|(?<=[。!?।؟])\s*|\n+/u).filter((part) => /[\p{L}\p{N}]/u.test(part)).length;

function incoherenceOf(answer: string, sentences: number): string | null {
  if (sentences === 0) return 'There is no sentence in it.';
  const words = folded(answer).match(/[\p{L}\p{N}]+/gu) ?? [];
  const variety = new Set(words).size / words.length;
  return words.length >= TELLING_WORDS && variety < LEAST_VARIETY ? 'It says the same again and again.' : null;
}
