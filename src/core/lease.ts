// The lease on a place in a ready engine: where to send the request, with which key, under which name, without which
// fields. It must never outlive its place: disposing it gives the place back, once.
import type { Place } from './dispatch.ts';
import type { Lease } from './drover.ts';
import { servedName, unknownFields } from './foreign-engines.ts';
import type { RegisteredModel } from './registry.ts';
import type { Usage } from './vocabulary.ts';

export function leaseOf(model: RegisteredModel, place: Place, report: (usage: Usage) => void): Lease {
  const { entry } = model;
  return {
    modelId: model.id,
    baseUrl: place.ready.baseUrl,
    headers: authorization(place.apiKey),
    upstreamModel: entry.useModelName ?? servedName(model.id, entry),
    strippedFields: [
      ...fieldsOf(entry.filters?.stripParams ?? entry.filters?.strip_params ?? ''),
      ...unknownFields(entry),
    ],
    signal: place.ready.signal,
    report: (usage) => report({ modelId: model.id, ...usage }),
    [Symbol.asyncDispose]: () => {
      place.release();
      return Promise.resolve();
    },
  };
}

/** What a child wants to see before it answers. */
export const authorization = (apiKey: string | null): Record<string, string> =>
  apiKey === null ? {} : { authorization: `Bearer ${apiKey}` };

const NO_FIELDS: readonly string[] = [];

/** `temperature, top_k`: as llama-swap writes them; `model` is what the request goes by, so it stays. */
const fieldsOf = (list: string): readonly string[] =>
  list === ''
    ? NO_FIELDS
    : list
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== '' && name !== 'model');
