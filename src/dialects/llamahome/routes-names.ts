// LlamaHome's routes are at home under /api and, for names that nobody else has, answer under /v1 as well; the document
// shows the first. It must never take a name of OpenAI's.
import type { AnyElysia } from 'elysia';
import type { Operation } from '../described.ts';
import { described } from './described.ts';

type Answer = (request: Request) => unknown;

const ALIAS = { hide: true };

export function post(app: AnyElysia, name: string, answer: Answer, operation: Operation): void {
  app
    .post(`/api/${name}`, ({ request }) => answer(request), { parse: 'none', detail: described(said(name, operation)) })
    .post(`/v1/${name}`, ({ request }) => answer(request), { parse: 'none', detail: ALIAS });
}

export function get(app: AnyElysia, name: string, answer: Answer, operation: Operation): void {
  app
    .get(`/api/${name}`, ({ request }) => answer(request), { detail: described(said(name, operation)) })
    .get(`/v1/${name}`, ({ request }) => answer(request), { detail: ALIAS });
}

const said = (name: string, operation: Operation): Operation => ({
  ...operation,
  description: [operation.description, `Also at /v1/${name}.`].filter((part) => part !== undefined).join(' '),
});
