// What the wire shapes of BeautyAI's API are made of, its envelope and its error. Bodies are open: words that we do not know
// are kept or ignored, never refused.
import { type TProperties, type TSchema, Type } from '@sinclair/typebox';

export const open = { additionalProperties: true } as const;
export const text = Type.String();
export const count = Type.Integer({ minimum: 0 });
export const orNull = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()]);
export const optional = <S extends TSchema>(schema: S) => Type.Optional(schema);
export const name = Type.String({ minLength: 1, maxLength: 512 });
export const time = Type.String({ description: 'ISO 8601, UTC.' });
export const gigabytes = Type.Number({ description: 'Of 2^30 bytes.' });
export const percent = Type.Number({ description: '0 to 100.' });

/** Of a parameter in a query. */
export const whole = (minimum: number, maximum?: number) =>
  Type.Integer({ minimum, ...(maximum === undefined ? {} : { maximum }) });
export const flag = Type.Boolean();

/** What every answer carries beside its fields. */
const envelope = {
  success: Type.Boolean(),
  timestamp: time,
  execution_time_ms: Type.Number(),
};

const sample = { timestamp: '2026-01-02T03:04:05.678Z', execution_time_ms: 1.234 };

/** An answer with these fields beside the envelope's. */
export const enveloped = (fields: TProperties, example: Readonly<Record<string, unknown>>) =>
  Type.Object({ ...envelope, ...fields }, { ...open, examples: [{ success: true, ...example, ...sample }] });

/** An answer with its fields under `data`. */
export const withData = (fields: TProperties, example: Readonly<Record<string, unknown>>) =>
  enveloped({ data: Type.Object(fields, open) }, { data: example });

export const ErrorSchema = () =>
  Type.Object(
    {
      success: Type.Literal(false),
      error_code: Type.String({ description: 'ModelNotFoundError, ModelLoadError, ValidationError, SystemError, …' }),
      error_message: text,
      error_details: orNull(Type.Object({}, { ...open, description: 'The next step, and facts for machines.' })),
      timestamp: time,
      execution_time_ms: Type.Null(),
    },
    {
      ...open,
      examples: [
        {
          success: false,
          error_code: 'ModelNotFoundError',
          error_message: 'There is no model called "qwen".',
          error_details: { hint: 'Did you mean "{{model}}"?', model: 'qwen', nearNames: ['{{model}}'] },
          timestamp: sample.timestamp,
          execution_time_ms: null,
        },
      ],
    },
  );
