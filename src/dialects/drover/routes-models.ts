// Our own routes about one model: its details and its entry in the configuration. Each is one call to the core.
import type { AnyElysia } from 'elysia';
import { Fault } from '../../base/fault.ts';
import type { Desks } from '../../core/desks.ts';
import { bodyOf, queryOf } from '../intake.ts';
import { described } from './operations.ts';
import * as op from './operations-models.ts';
import { EntryBody } from './schema-models.ts';

function nameIn(request: Request): string {
  const name = queryOf(request).get('model') ?? '';
  if (name === '') throw new Fault('bad_request', 'model is required', { details: { field: 'model' } });
  return name;
}

export function modelRoutes(app: AnyElysia, { models }: Desks): void {
  app
    .get('/drover/details', ({ request }) => models.details(nameIn(request)), { detail: described(op.DETAILS) })
    .get('/drover/entry', ({ request }) => models.entry(nameIn(request)), { detail: described(op.ENTRY) })
    .patch(
      '/drover/entry',
      async ({ request }) => {
        const { model, settings } = await bodyOf(request, EntryBody);
        return models.change(model, settings);
      },
      { parse: 'none', detail: described(op.CHANGE_ENTRY) },
    );
}
