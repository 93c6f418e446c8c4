// The shapes of our own API about callers and keys: the body that is checked, the answers field by field.
import { Type } from '@sinclair/typebox';
import { SCOPES } from '../../access/scopes.ts';
import { epochMs, list, oneOf, text, whole, yes } from './schema-words.ts';

const scope = () => oneOf(SCOPES);

export const KeyBody = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 64, description: 'What it is for, or where it is kept.' }),
    scopes: Type.Array(Type.Union(SCOPES.map((word) => Type.Literal(word))), { minItems: 1, maxItems: SCOPES.length }),
  },
  { additionalProperties: true, examples: [{ name: 'administrator', scopes: ['admin'] }] },
);

export const callerAnswer = () =>
  Type.Object({
    requiresKey: yes('Callers need a key now.'),
    name: text('Of the key or the user; `local` where none is needed.'),
    kind: oneOf(['key', 'user', 'transient', 'local']),
    scopes: list(scope(), { description: 'What it may do.' }),
  });

export const keysAnswer = () =>
  Type.Object({
    keys: list(
      Type.Object({
        name: text(),
        scopes: list(scope()),
        createdAt: epochMs(),
        isChosen: yes('A person’s own choice.'),
      }),
    ),
    scopes: list(scope(), { description: 'All that there are.' }),
  });

export const madeKeyAnswer = () =>
  Type.Object({ name: text(), scopes: list(scope()), key: text('Shown this once; only its hash is kept.') });

export const removedKeyAnswer = () => Type.Object({ leftCount: whole('Keys that are left.') });
