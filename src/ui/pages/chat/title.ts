// What a chat is called before somebody names it: the beginning of its first question. Pure.
const LONGEST = 64;

export function titleOf(question: string, fallback: string): string {
  const line = question
    .split('\n')
    .map((text) =>
      text
        .replace(/^[\s>#*+-]+|^```.*$/g, '')
        .replace(/[`*_~]+/g, '')
        .replace(/\s+/g, ' ')
        .trim(),
    )
    .find((text) => text !== '');
  if (line === undefined) return fallback;
  const letters = [...line];
  if (letters.length <= LONGEST) return line;
  const cut = letters.slice(0, LONGEST - 1).join('');
  const space = cut.lastIndexOf(' ');
  return `${(space > LONGEST / 2 ? cut.slice(0, space) : cut).replace(/[\s,;:.–-]+$/, '')}…`;
}
