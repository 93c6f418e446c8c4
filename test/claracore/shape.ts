// Compares an answer with an example of it: the same names, the same types, in every element of a list.

const typeOf = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value);

/**
 * Where the answer lacks what the example has, or has another type there. `unknown` names places (`settings.vramGB`,
 * `[].speed`) that may be null, because the machine does not tell. An empty list says nothing of its elements.
 */
export function differences(answer: unknown, example: unknown, unknown: readonly string[], place = ''): string[] {
  if (answer === null && unknown.includes(place.replaceAll(/\[\d+\]/g, '[]'))) return [];
  // An example of null stands for "none, this time".
  if (example === null) return [];
  const [found, expected] = [typeOf(answer), typeOf(example)];
  if (found !== expected) return [`${place || 'the answer'} is ${found}, not ${expected}`];
  if (Array.isArray(answer) && Array.isArray(example)) {
    return answer.flatMap((entry, index) => differences(entry, example[0], unknown, `${place}[${index}]`));
  }
  if (found !== 'object') return [];
  const given = answer as Readonly<Record<string, unknown>>;
  return Object.entries(example as Readonly<Record<string, unknown>>).flatMap(([name, value]) => {
    const below = place === '' ? name : `${place}.${name}`;
    return Object.hasOwn(given, name) ? differences(given[name], value, unknown, below) : [`${below} is missing`];
  });
}
