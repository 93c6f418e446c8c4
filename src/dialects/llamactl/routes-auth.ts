// llamactl's login. Each route is one call to the desk of logins; how often somebody may try is the guard's to count.
import type { AnyElysia } from 'elysia';
import { credentialsOf } from '../../access/credentials.ts';
import { callerOf } from '../../access/identity.ts';
import type { Desks } from '../../core/desks.ts';
import { bodyOf, readFields } from '../intake.ts';
import { described } from './described.ts';
import { LoginBody, TokenSchema } from './schema-auth.ts';
import { tokenToWire } from './shape-auth.ts';

export function authRoutes(app: AnyElysia, desks: Pick<Desks, 'logins'>): void {
  app
    .post('/api/auth/login', ({ request }) => login(desks, request), {
      parse: 'none',
      detail: described({
        summary: 'Log in: a token for a user name and a password',
        description:
          'The token counts for a day, in every dialect, wherever a key does. Users are made with `drover users add NAME`. Five attempts a minute from one address.',
        body: { schema: LoginBody },
        answer: TokenSchema,
        errors: [400, 401, 429],
        // Nobody is called so, or nobody should be with this password.
        exampleStatus: 401,
      }),
    })
    .post('/api/auth/refresh', ({ request }) => refresh(desks, request), {
      parse: 'none',
      detail: described({
        summary: 'A later token for one that still counts',
        description: 'The one that is sent goes on counting until its own end. A key cannot be refreshed.',
        needsToken: true,
        answer: TokenSchema,
        errors: [401, 429],
        exampleStatus: 401,
      }),
    });
}

async function login({ logins }: Pick<Desks, 'logins'>, request: Request): Promise<unknown> {
  const { username, password } = await bodyOf(request, LoginBody);
  return tokenToWire(await logins.login(username, password, callerOf(request)?.key ?? ''));
}

async function refresh({ logins }: Pick<Desks, 'logins'>, request: Request): Promise<unknown> {
  await readFields(request);
  return tokenToWire(await logins.refresh(credentialsOf(request)));
}
