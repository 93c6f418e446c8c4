// How a route describes itself in the API document: one shape for every dialect, so that nobody forgets the errors or
// the example. A text `{{name}}` inside an example stands for something of the running server (a model, a folder), so
// that every example runs as it stands. It must never change what a route does, nor cost anything before it is read.
import { type TSchema, Type } from '@sinclair/typebox';

/**
 * A schema, or what makes one when the document is read: large ones would slow the start. One with an `$id` is said once
 * for the whole document, under that name.
 */
export type Shape = TSchema | (() => TSchema);

/** Examples by what they show. */
export type NamedExamples = Readonly<Record<string, unknown>>;

export interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'path' | 'header';
  readonly description: string;
  /** Absent: a text. */
  readonly schema?: Shape;
  /** Sent as it stands by who tries the operation, so only where it does no harm. Path parameters need one. */
  readonly example?: unknown;
  readonly isRequired?: boolean;
}

export interface Body {
  /** Its `examples` are shown, the first one is tried. */
  readonly schema: Shape;
  /** Instead of the schema's own. */
  readonly examples?: NamedExamples;
  /** Absent: JSON. */
  readonly contentType?: string;
  readonly isOptional?: boolean;
}

export interface Operation {
  readonly summary: string;
  readonly description?: string;
  readonly tag?: string;
  /** Open to the guard, which asks for nothing, and yet of no use without a token. */
  readonly needsToken?: boolean;
  /** The path parameters name, in order, what a route's `*` stands for. */
  readonly parameters?: readonly Parameter[];
  readonly body?: Body;
  /** What a success holds; null: nothing, or text where a content type is given. */
  readonly answer: Shape | null;
  /** Absent: JSON. */
  readonly answerType?: string;
  /** Further content types of a success, such as `text/event-stream` where the caller may ask for a stream. */
  readonly alternatives?: Readonly<Record<string, Shape>>;
  /** Absent: 200. */
  readonly status?: number;
  /** Statuses of refusals that callers should expect; those of a body that is wrong come with the body. */
  readonly errors?: readonly number[];
  /** The envelope of refusals where it is not the dialect's own. */
  readonly error?: Shape;
  /** The status that the example gets where that is no success. */
  readonly exampleStatus?: number;
}

/** An operation as OpenAPI has it. */
export interface DescribedOperation {
  readonly tags: string[];
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly object[];
  readonly requestBody?: object;
  readonly responses: object;
  readonly security?: readonly object[];
}

/** What a route gets as its `detail`; `describe` is asked when somebody reads the document. */
export interface RouteDetail {
  readonly tags: string[];
  readonly summary: string;
  readonly describe: () => DescribedOperation;
}

/** How a stream is described: to a reader of the whole of it, its frames are text. */
export const streamedText = (description: string): TSchema => Type.String({ description });

const JSON_TYPE = 'application/json';
const REASONS: Readonly<Record<number, string>> = {
  400: 'The request is not right.',
  401: 'A key is needed.',
  403: 'The key lacks the scope, or the path may not be touched.',
  404: 'There is no such thing.',
  408: 'It took too long.',
  409: 'It is there already, or in use.',
  413: 'The body is too large.',
  415: 'The body is of another content type.',
  422: 'The model’s file cannot be used.',
  429: 'Too many requests; Retry-After says when to come again.',
  501: 'The engine, or this model, cannot do that.',
  502: 'The engine failed.',
  503: 'It is not ready in time, or the internet cannot be reached.',
  507: 'It does not fit into the memory or on the disk.',
};

/** Makes the `detail` of a dialect's routes: its tag and its error body said once. */
export function describer(defaults: { readonly tag: string; readonly error: Shape }) {
  return (operation: Operation): RouteDetail => {
    const tags = [operation.tag ?? defaults.tag];
    const { summary } = operation;
    return { tags, summary, describe: () => ({ tags, summary, ...described(operation, defaults.error) }) };
  };
}

function described(operation: Operation, usualError: Shape) {
  const { answer, body, parameters, alternatives = {}, description, exampleStatus } = operation;
  const error = made(operation.error ?? usualError);
  const held = answer ?? (operation.answerType === undefined ? null : Type.String());
  // The schema has an example of its own; one and the same under every status would say the wrong thing.
  const failure = (reason: string) => ({ description: reason, content: contentOf(error, JSON_TYPE, {}) });
  return {
    ...(description === undefined ? {} : { description }),
    ...(parameters === undefined ? {} : { parameters: parameters.map(parameterOf) }),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: body.isOptional !== true,
            content: contentOf(made(body.schema), body.contentType, body.examples),
          },
        }),
    responses: {
      [operation.status ?? 200]: {
        description: 'Success.',
        ...(held === null
          ? {}
          : {
              content: Object.assign(
                contentOf(made(held), operation.answerType),
                ...Object.entries(alternatives).map(([type, shape]) => contentOf(made(shape), type)),
              ) as object,
            }),
      },
      ...Object.fromEntries(errorsOf(operation).map((status) => [status, failure(REASONS[status] ?? 'It failed.')])),
      default: failure('Any other failure.'),
    },
    ...(exampleStatus === undefined ? {} : { 'x-example-status': exampleStatus }),
    ...(operation.needsToken === true ? { security: ANY_CREDENTIAL } : {}),
  };
}

/** The three ways in which a key or a token is sent; the document says what they are. */
const ANY_CREDENTIAL = [{ bearer: [] }, { header: [] }, { query: [] }];

const BODY_ERRORS = [400, 413, 415];

const errorsOf = ({ errors = [], body }: Operation): readonly number[] => [
  ...new Set([...errors, ...(body === undefined ? [] : BODY_ERRORS)]),
];

const made = (shape: Shape): TSchema => (typeof shape === 'function' ? shape() : shape);

const parameterOf = (parameter: Parameter) => ({
  name: parameter.name,
  in: parameter.in,
  description: parameter.description,
  required: parameter.isRequired ?? parameter.in === 'path',
  schema: parameter.schema === undefined ? Type.String() : made(parameter.schema),
  ...(parameter.example === undefined ? {} : { example: parameter.example }),
});

function contentOf(schema: TSchema, contentType = JSON_TYPE, named: NamedExamples = namedOf(schema)) {
  const values = Object.entries(named);
  const [first] = values;
  if (first === undefined) return { [contentType]: { schema } };
  if (values.length === 1) return { [contentType]: { schema, example: first[1] } };
  const examples = Object.fromEntries(values.map(([name, value]) => [name, { value }]));
  return { [contentType]: { schema, examples } };
}

function namedOf(schema: TSchema): NamedExamples {
  const examples = (schema.examples as readonly unknown[] | undefined) ?? [];
  return Object.fromEntries(examples.map((value, index) => [`Example ${index + 1}`, value]));
}
