// What the command palette offers, and which of it a few letters mean. Pure but for the actions themselves.
import { texts } from '../texts/index.ts';

export interface Command {
  readonly id: string;
  readonly group: string;
  readonly label: string;
  /** Further words under which it is found. */
  readonly words?: string;
  readonly run: () => void;
}

/** How well `query` means `text`: 0 not at all; a start counts more than a word's start, that more than letters in order. */
export function likeness(query: string, text: string): number {
  const wanted = query.trim().toLowerCase();
  const whole = text.toLowerCase();
  if (wanted === '') return 1;
  if (whole.startsWith(wanted)) return 100;
  if (whole.split(/[\s/·:._-]+/).some((word) => word.startsWith(wanted))) return 80;
  if (whole.includes(wanted)) return 60;
  let at = 0;
  for (const letter of wanted) {
    if (letter === ' ') continue;
    at = whole.indexOf(letter, at) + 1;
    if (at === 0) return 0;
  }
  return 20 - Math.min(19, whole.length / 20);
}

/** The best first; groups stay together, in the order of their best. */
export function found(commands: readonly Command[], query: string, limit = 50): readonly Command[] {
  const scored = commands
    .map((command) => ({
      command,
      score: Math.max(likeness(query, command.label), likeness(query, command.words ?? '') * 0.9),
    }))
    .filter(({ score, command }) => score > 0 && (query.trim() !== '' || command.group !== texts.app.palette.models))
    .sort((left, right) => right.score - left.score)
    .slice(0, limit)
    .map(({ command }) => command);
  const groups = [...new Set(scored.map(({ group }) => group))];
  return groups.flatMap((group) => scored.filter((command) => command.group === group));
}
