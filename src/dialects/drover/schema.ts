// The bodies of our own API that are checked, and its error. What it answers is in `schema-answers`.
import { type TSchema, Type } from '@sinclair/typebox';

const model = Type.String({ minLength: 1, maxLength: 512, description: 'Id or alias.' });

export const LoadBody = Type.Object({ model }, { additionalProperties: true, examples: [{ model: '{{model}}' }] });

export const StopBody = Type.Object(
  {
    model: Type.Optional(model),
    all: Type.Optional(Type.Boolean({ description: 'Stop every model.' })),
    force: Type.Optional(Type.Boolean({ description: 'End requests in flight too.' })),
  },
  { additionalProperties: true },
);
export const stopExamples = { 'One model': { model: '{{model}}' }, 'All, at once': { all: true, force: true } };

export const RestartBody = Type.Object(
  {
    hard: Type.Optional(
      Type.Boolean({ description: 'A new process takes over; absent: the configuration is read again.' }),
    ),
  },
  { additionalProperties: true, examples: [{ hard: false }] },
);

export const PinBody = Type.Object(
  { model, pinned: Type.Optional(Type.Boolean({ default: true })) },
  { additionalProperties: true },
);
export const pinExamples = {
  Keep: { model: '{{model}}', pinned: true },
  'Let go': { model: '{{model}}', pinned: false },
};

export const errorAnswer = (): TSchema =>
  Type.Object(
    {
      error: Type.Object({
        code: Type.String({ description: 'not_found, does_not_fit, unavailable, …' }),
        message: Type.String(),
        hint: Type.Union([Type.String({ description: 'The next step.' }), Type.Null()]),
        blame: Type.String({ description: 'caller, drover, engine, machine or remote.' }),
        details: Type.Object({}, { additionalProperties: true, description: 'Facts for machines.' }),
      }),
    },
    {
      $id: 'DroverError',
      examples: [
        {
          error: {
            code: 'not_found',
            message: 'There is no model called "qwen".',
            hint: 'Did you mean "{{model}}"?',
            blame: 'caller',
            details: { model: 'qwen', nearNames: ['{{model}}'] },
          },
        },
      ],
    },
  );
