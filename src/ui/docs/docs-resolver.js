// Puts what a reference names in its place, for Swagger UI. Its own resolver reads the whole document anew for each operation
// that is opened, which takes seconds for one of this size; this document refers to itself alone, so a look is enough.
// What comes out is the same as its resolver's (JSON Reference: RFC 6901 pointers in fragments).

/** What stands in them is data, even if it looks like a reference. */
const DATA = new Set(['example', 'examples', 'value', 'default', 'const', 'enum']);
/** Their keys are names that somebody chose. */
const MAPS = new Set(['properties', 'patternProperties', '$defs', 'dependentSchemas', 'schemas', 'paths', 'responses']);

const isRecord = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What `#/components/schemas/Name` and the like stand for; undefined where there is nothing. */
export function namedBy(document, reference) {
  const steps = decodeURIComponent(reference).slice(2).split('/');
  return at(
    document,
    steps.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~')),
  );
}

const at = (value, path) =>
  path.reduce((part, step) => (typeof part === 'object' && part !== null ? part[step] : undefined), value);

/** The part of the document at `path`, without references; what refers to itself keeps that one. */
export function resolvedPart(document, path, address = '') {
  const resolved = (value, isMap, within) => {
    if (Array.isArray(value)) return value.map((each) => resolved(each, false, within));
    if (!isRecord(value)) return value;
    const { $ref: reference, ...rest } = value;
    if (!isMap && typeof reference === 'string' && reference.startsWith('#/')) {
      const target = namedBy(document, reference);
      if (target === undefined || within.includes(reference)) return value;
      const whole = resolved(target, false, [...within, reference]);
      return isRecord(whole) ? { ...whole, ...rest, $$ref: `${address}${reference}` } : whole;
    }
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [
        key,
        !isMap && DATA.has(key) ? each : resolved(each, !isMap && MAPS.has(key), within),
      ]),
    );
  };
  return resolved(at(document, path), MAPS.has(path.at(-1)), []);
}

/** For Swagger UI: in place of its own. */
export const resolver = () => ({
  fn: {
    resolveSubtree: async (document, path, { baseDoc } = {}) => ({
      spec: resolvedPart(document, path, baseDoc),
      errors: [],
    }),
  },
});
