// How a route describes itself in the API document: one shape for every dialect, so that nobody forgets the errors or
// the example. A text `{{name}}` inside an example stands for something of the running server (a model, a folder), so
// that every example runs as it stands. It must never change what a route does.
import { type TSchema, Type } from '@sinclair/typebox';

export interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'path' | 'header';
  readonly description: string;
  /** Absent: a text. */
  readonly schema?: TSchema;
  /** Path parameters need one. */
  readonly example?: unknown;
  readonly isRequired?: boolean;
}

export interface Body {
  /** Its `examples` are shown, the first one is tried. */
  readonly schema: TSchema;
  /** Absent: JSON. */
  readonly contentType?: string;
  readonly isOptional?: boolean;
}

export interface Operation {
  readonly summary: string;
  readonly description?: string;
  readonly tag?: string;
  readonly parameters?: readonly Parameter[];
  readonly body?: Body;
  /** What a 200 holds; null: the description says it. */
  readonly answer: TSchema | null;
  /** Absent: JSON. */
  readonly answerType?: string;
  /** Statuses of refusals that callers should expect beside the general ones. */
  readonly errors?: readonly number[];
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'The request is not right.',
  401: 'A key is needed.',
  403: 'The key lacks the scope, or the path may not be touched.',
  404: 'There is no such thing.',
  409: 'It is there already, or in use.',
  413: 'The body is too large.',
  415: 'The body is not JSON.',
  422: 'The model’s file cannot be used.',
  502: 'The engine failed.',
  503: 'It is not ready in time, or the internet cannot be reached.',
  507: 'It does not fit into the memory or on the disk.',
};

/** Makes the `detail` of a dialect's routes: its tag and its error body said once. */
export function describer(defaults: { readonly tag: string; readonly error: TSchema }) {
  const failure = (status: number) => [
    status,
    { description: REASONS[status] ?? 'It failed.', ...content(defaults.error) },
  ];
  return (operation: Operation) => ({
    tags: [operation.tag ?? defaults.tag],
    summary: operation.summary,
    ...(operation.description === undefined ? {} : { description: operation.description }),
    ...(operation.parameters === undefined ? {} : { parameters: operation.parameters.map(parameterOf) }),
    ...(operation.body === undefined
      ? {}
      : {
          requestBody: {
            required: operation.body.isOptional !== true,
            ...content(operation.body.schema, operation.body.contentType),
          },
        }),
    responses: {
      200: {
        description: operation.summary,
        ...(operation.answer === null ? {} : content(operation.answer, operation.answerType)),
      },
      ...Object.fromEntries((operation.errors ?? []).map(failure)),
      default: { description: 'Any other failure.', ...content(defaults.error) },
    },
  });
}

const parameterOf = (parameter: Parameter) => ({
  name: parameter.name,
  in: parameter.in,
  description: parameter.description,
  required: parameter.isRequired ?? parameter.in === 'path',
  schema: parameter.schema ?? Type.String(),
  ...(parameter.example === undefined ? {} : { example: parameter.example }),
});

function content(schema: TSchema, contentType = 'application/json') {
  const [example] = (schema.examples as readonly unknown[] | undefined) ?? [];
  return { content: { [contentType]: { schema, ...(example === undefined ? {} : { example }) } } };
}
