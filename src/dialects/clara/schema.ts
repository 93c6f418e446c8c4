// What the wire shapes of ClaraCore's API are made of, and its error. Bodies are open: what a client sends beside is
// ignored, as it always was; what we read is checked.
import { type TSchema, Type } from '@sinclair/typebox';

export const open = { additionalProperties: true } as const;
export const text = Type.String();
export const texts = Type.Array(Type.String());
export const count = Type.Integer({ minimum: 0 });
export const bytes = (description: string) => Type.Number({ minimum: 0, description });
export const orNull = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()]);
export const time = Type.String({ description: 'ISO 8601, UTC.' });
export const path = Type.String({ minLength: 1, maxLength: 4096 });
export const paths = Type.Array(path, { maxItems: 1000 });

export const backend = Type.Union(
  ['', 'auto', 'cuda', 'rocm', 'vulkan', 'metal', 'mlx', 'sycl', 'cpu'].map((name) => Type.Literal(name)),
);

export const ErrorSchema = () =>
  Type.Object(
    {
      error: text,
      code: Type.String({ description: 'What happened, in a word: NOT_FOUND, CONFLICT, …' }),
      details: Type.Optional(Type.String({ description: 'The next step, or more of the reason.' })),
    },
    { ...open, examples: [{ error: 'folderPath is required', code: 'BAD_REQUEST' }] },
  );
