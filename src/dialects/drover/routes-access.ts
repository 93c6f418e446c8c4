// Our own routes about who calls: the caller itself, and the keys of programs. Each is one call to the core.
import type { AnyElysia } from 'elysia';
import { identityOf, LOCAL_CALLER } from '../../access/identity.ts';
import { SCOPES } from '../../access/scopes.ts';
import type { Desks } from '../../core/desks.ts';
import { bodyOf, isTrue, pathOf, queryOf, readFields, restOf } from '../intake.ts';
import { described } from './operations.ts';
import * as op from './operations-access.ts';
import { KeyBody } from './schema-access.ts';

const KEYS = '/drover/keys/';
const callerOf = (request: Request) => identityOf(request) ?? LOCAL_CALLER;

export function accessRoutes(app: AnyElysia, { access }: Desks): void {
  app
    .get('/drover/me', ({ request }) => access.caller(callerOf(request)), { detail: described(op.ME) })
    .get('/drover/keys', () => ({ keys: access.list(), scopes: SCOPES }), { detail: described(op.KEYS) })
    .post(
      '/drover/keys',
      async ({ request }) => {
        const { name, scopes } = await bodyOf(request, KeyBody);
        return access.create(name, scopes, callerOf(request));
      },
      { parse: 'none', detail: described(op.MAKE_KEY) },
    )
    .delete(
      '/drover/keys/:name',
      async ({ request }) => {
        await readFields(request);
        const isForced = isTrue(queryOf(request).get('force'));
        return access.remove(restOf(pathOf(request), KEYS), callerOf(request), isForced);
      },
      { parse: 'none', detail: described(op.REMOVE_KEY) },
    );
}
