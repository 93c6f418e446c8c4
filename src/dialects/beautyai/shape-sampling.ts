// What BeautyAI's generation settings mean to the engine, under all of their names. Pure.
import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { Fault } from '../../base/fault.ts';
import { wrongValue } from '../../base/wrong-value.ts';
import type { Sampling } from '../../core/generation.ts';

const tokens = Type.Integer({ minimum: 1, maximum: 10_000_000 });
const penalty = Type.Number({ minimum: 0, maximum: 10 });
const signed = Type.Number({ minimum: -2, maximum: 2 });
const share = Type.Number({ minimum: 0, maximum: 1 });

const mayBe = <S extends TSchema>(schema: S) => Type.Optional(Type.Union([schema, Type.Null()]));

/** Unknown names are passed over. */
export const GenerationConfig = Type.Object(
  {
    max_tokens: mayBe(tokens),
    max_new_tokens: mayBe(tokens),
    temperature: mayBe(Type.Number({ minimum: 0, maximum: 100 })),
    top_p: mayBe(share),
    top_k: mayBe(Type.Integer({ minimum: 0, maximum: 1_000_000 })),
    min_p: mayBe(share),
    repetition_penalty: mayBe(penalty),
    repeat_penalty: mayBe(penalty),
    frequency_penalty: mayBe(signed),
    presence_penalty: mayBe(signed),
    seed: mayBe(Type.Integer({ minimum: -1, maximum: 4_294_967_295 })),
    stop: Type.Optional(
      Type.Union([
        Type.String({ maxLength: 1000 }),
        Type.Array(Type.String({ maxLength: 1000 }), { maxItems: 32 }),
        Type.Null(),
      ]),
    ),
    do_sample: mayBe(Type.Boolean()),
  },
  { additionalProperties: true },
);
type GenerationWords = Static<typeof GenerationConfig>;

/** Throws `bad_request` that names the field. */
export function samplingOf(words: Readonly<Record<string, unknown>>, place = 'generation_config'): Sampling {
  const found = wrongValue(GenerationConfig, words);
  if (found !== null) {
    const field = [place, ...found.path].join('.');
    throw new Fault('bad_request', `"${field}" is not right: ${found.message}.`, { details: { field } });
  }
  return toSampling(words as GenerationWords);
}

function toSampling(words: GenerationWords): Sampling {
  const { stop } = words;
  // To choose without sampling is to take the likeliest.
  const greedy = words.do_sample === false ? 0 : undefined;
  const sampling: Sampling = {
    maxTokens: words.max_tokens ?? words.max_new_tokens ?? undefined,
    temperature: words.temperature ?? greedy,
    topP: words.top_p ?? undefined,
    topK: words.top_k ?? undefined,
    minP: words.min_p ?? undefined,
    repeatPenalty: words.repetition_penalty ?? words.repeat_penalty ?? undefined,
    frequencyPenalty: words.frequency_penalty ?? undefined,
    presencePenalty: words.presence_penalty ?? undefined,
    seed: words.seed ?? undefined,
    stop: typeof stop === 'string' ? [stop] : (stop ?? undefined),
  };
  return Object.fromEntries(Object.entries(sampling).filter(([, value]) => value !== undefined));
}

/** What a registry's entry says of every answer of its model; what cannot be read there says nothing. */
export function defaultsOf(document: Readonly<Record<string, unknown>>): Sampling {
  const { max_new_tokens: most, custom_generation_params: own } = document;
  const words = {
    ...(typeof most === 'number' ? { max_new_tokens: most } : {}),
    ...(typeof own === 'object' && own !== null ? own : {}),
  };
  return wrongValue(GenerationConfig, words) === null ? toSampling(words as GenerationWords) : {};
}
