// The API documents for people (`/docs`, Swagger UI) and for programs (`/docs/json`). The page asks for nothing but what
// this server has; the document needs a key where one is needed.
import { Type } from '@sinclair/typebox';
import type { AnyElysia } from 'elysia';
import { Fault } from '../base/fault.ts';
import type { Desks } from '../core/desks.ts';
import type { Drover } from '../core/drover.ts';
import { describer } from '../dialects/described.ts';
import { pathOf } from '../dialects/intake.ts';
import { errorAnswer } from '../dialects/openai/schema-answers.ts';
import type { ApiDocument } from './api-document.ts';
import { DOCS_FILES, DOCS_PAGE } from './docs-files.ts';

const described = describer({ tag: 'Server', error: errorAnswer });

/** Describes the whole server, `app`, when somebody asks. */
export function docsPages(app: AnyElysia, drover: Drover, desks: Desks | null): void {
  let document: ApiDocument | null = null;
  const answerDocument = async (request: Request): Promise<Response> => {
    // What makes the document is loaded with it: the start is not the time.
    if (document === null) {
      const { ApiDocument } = await import('./api-document.ts');
      document ??= new ApiDocument(drover, desks, app);
    }
    return document.answer(request);
  };
  app
    .get('/docs', ({ request }) => DOCS_PAGE.answer(request), { detail: { hide: true } })
    .get('/docs/*', ({ request }) => fileOf(request), { detail: { hide: true } })
    .get('/docs/json', ({ request }) => answerDocument(request), {
      detail: described({
        summary: 'This document',
        description: 'OpenAPI 3.1. The page that shows it is at /docs.',
        answer: () =>
          Type.Object(
            { openapi: Type.Literal('3.1.0'), paths: Type.Object({}, { additionalProperties: true }) },
            {
              additionalProperties: true,
            },
          ),
      }),
    });
}

function fileOf(request: Request): Promise<Response> {
  const path = pathOf(request);
  const file = DOCS_FILES.get(path.slice('/docs/'.length));
  if (file === undefined)
    throw new Fault('not_found', `There is nothing at ${path.slice(0, 200)}.`, { hint: 'See /docs.' });
  return file.answer(request);
}
