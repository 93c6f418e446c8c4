// The API document as it is served: made when somebody asks for the first time, and again only when what its examples
// stand for has changed. It must never slow the start.
import type { AnyElysia } from 'elysia';
import type { Desks } from '../core/desks.ts';
import type { Drover } from '../core/drover.ts';
import { describeApi } from './api-docs.ts';
import { exampleValues, fillExamples, namesIn } from './api-examples.ts';
import { Served } from './served.ts';

interface Template {
  readonly json: string;
  readonly names: readonly string[];
}

interface Filled {
  /** The values that it was filled with, as text. */
  readonly key: string;
  readonly served: Served;
}

export class ApiDocument {
  readonly #drover: Drover;
  readonly #desks: Desks | null;
  readonly #app: AnyElysia;
  #template: Template | null = null;
  #filled: Filled | null = null;

  constructor(drover: Drover, desks: Desks | null, app: AnyElysia) {
    this.#drover = drover;
    this.#desks = desks;
    this.#app = app;
  }

  async answer(request: Request): Promise<Response> {
    this.#template ??= templateOf(describeApi(this.#app, this.#drover.version));
    const { json, names } = this.#template;
    const values = await exampleValues(this.#drover, this.#desks, names);
    const key = JSON.stringify(values);
    if (this.#filled?.key !== key) {
      const bytes = new TextEncoder().encode(fillExamples(json, values));
      this.#filled = {
        key,
        served: new Served({ contentType: 'application/json; charset=utf-8', read: async () => bytes }),
      };
    }
    return this.#filled.served.answer(request);
  }
}

function templateOf(document: object): Template {
  const json = JSON.stringify(document);
  return { json, names: namesIn(json) };
}
