// llamactl's wire shapes of logging in, with examples.
import { Type } from '@sinclair/typebox';
import { open, text, time } from './schema.ts';

export const LoginBody = Type.Object(
  {
    username: Type.String({ minLength: 1, maxLength: 256 }),
    password: Type.String({ minLength: 1, maxLength: 512 }),
  },
  { ...open, examples: [{ username: 'admin', password: 'password' }] },
);

export const TokenSchema = () =>
  Type.Object(
    { token: text, expires_at: time },
    {
      ...open,
      examples: [{ token: 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9...', expires_at: '2026-01-03T03:04:05Z' }],
    },
  );
