// The OpenAPI 3.1 document of a server, made from its routes. It must never describe a route that does not exist, nor
// one otherwise than it is; what stands for something of the running server (`{{model}}`) is filled in elsewhere.
import { registerSchemaPath } from '@elysiajs/swagger/utils';
import type { AnyElysia, HTTPMethod } from 'elysia';
import type { DescribedOperation } from '../dialects/described.ts';
import { isOpen } from '../dialects/resolve.ts';
import { Components } from './api-components.ts';

/** Every dialect, in the order in which people see them. */
const TAGS: readonly { readonly name: string; readonly description: string }[] = [
  { name: 'OpenAI', description: 'OpenAI’s API and Anthropic’s messages, relayed to the model’s engine.' },
  { name: 'llama.cpp', description: 'llama-server’s own routes, relayed by model.' },
  { name: 'ClaraCore', description: 'ClaraCore’s API: downloads, configuration, system, events.' },
  { name: 'LlamaCtl', description: 'LlamaCtl’s API: instances by name, their logs and figures, logging in.' },
  { name: 'BeautyAI', description: 'BeautyAI’s API: a registry of models, chats with sessions, the system.' },
  { name: 'OBT', description: 'OBT’s API: sessions of tests, their progress and results, the machine.' },
  { name: 'LlamaHome', description: 'LlamaHome’s API: prompts, one active model, its defaults, logs, diagnostics.' },
  { name: 'Server', description: 'Health, metrics and what users of llama-swap expect.' },
  { name: 'Drover', description: 'Our own API, in bytes, milliseconds and epoch milliseconds.' },
];

const DESCRIPTION = [
  'One executable that makes a machine serve language models.',
  '',
  'Every example runs as it stands: the models and folders in it are those of this server.',
  'A key or a token is needed as soon as there is a key or a user (`drover keys add NAME`, `drover users add NAME`), in any of three forms.',
].join('\n');

const SECURITY_SCHEMES = {
  bearer: { type: 'http', scheme: 'bearer', description: 'Authorization: Bearer KEY' },
  header: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'The same key in a header of its own.' },
  query: {
    type: 'apiKey',
    in: 'query',
    name: 'api_key',
    description: 'For clients that cannot send a header, such as EventSource.',
  },
};

type Fields = Record<string, unknown>;
type SwaggerPaths = Parameters<typeof registerSchemaPath>[0]['schema'];

interface Parameter extends Fields {
  readonly name: string;
  readonly in: string;
}

/** The document as a value that is JSON; `{{name}}` still stands in its examples. Throws when two schemas share a name. */
export function describeApi(app: AnyElysia, version: string): Fields {
  const components = new Components();
  const paths: Record<string, Fields> = {};
  for (const route of app.routes) {
    if (route.hooks?.detail?.hide === true) continue;
    // A route for every method is shown as the two that are used.
    for (const method of route.method === 'ALL' ? ['GET', 'POST'] : [route.method]) {
      const [path, operation] = operationOf(route.path, method, route.hooks);
      paths[path] = { ...paths[path], [method.toLowerCase()]: components.hoisted(operation) };
    }
  }
  const used = new Set(Object.values(paths).flatMap((item) => Object.values(item).flatMap(tagsOf)));
  return {
    openapi: '3.1.0',
    info: {
      title: 'Drover',
      version,
      description: DESCRIPTION,
    },
    servers: [{ url: '/' }],
    tags: TAGS.filter((tag) => used.has(tag.name)),
    security: [{}, { bearer: [] }, { header: [] }, { query: [] }],
    paths,
    components: { securitySchemes: SECURITY_SCHEMES, schemas: components.schemas() },
  };
}

const tagsOf = (operation: unknown): readonly string[] => (operation as DescribedOperation).tags;

/** One operation, and the path under which OpenAPI knows it: `:name` and `*` become parameters. */
function operationOf(routePath: string, method: string, hooks: Fields): [string, Fields] {
  const detail = hooks.detail as { readonly describe?: () => DescribedOperation } | undefined;
  const described: Fields = { ...(detail?.describe?.() ?? detail ?? { tags: [] }) };
  const parameters = [...((described.parameters as readonly Parameter[] | undefined) ?? [])];
  const path = documentedPath(routePath, parameters);
  for (const [, name = ''] of path.matchAll(/\{(\w+)\}/g)) {
    if (parameters.some((parameter) => parameter.in === 'path' && parameter.name === name)) continue;
    parameters.push({ name, in: 'path', required: true, schema: { type: 'string' } });
  }
  const swaggerPaths: SwaggerPaths = {};
  registerSchemaPath({
    schema: swaggerPaths,
    path,
    method: method as HTTPMethod,
    hook: {
      ...hooks,
      detail: {
        operationId: operationIdOf(method, path),
        ...(isOpen(method, routePath) ? { security: [] } : {}),
        ...described,
        ...(parameters.length === 0 ? {} : { parameters }),
      },
    },
    models: {},
  });
  const operation = swaggerPaths[path]?.[method.toLowerCase() as 'get'];
  if (operation === undefined) throw new Error(`${method} ${path} was not described`);
  return [path, operation as unknown as Fields];
}

/** `*` is what the described path parameters say, which OpenAPI has no other word for; else `rest`. */
function documentedPath(routePath: string, parameters: readonly Parameter[]): string {
  const path = routePath.replace(/:(\w+)\??/g, '{$1}');
  if (!path.endsWith('*')) return path;
  const names = parameters
    .filter((parameter) => parameter.in === 'path' && !path.includes(`{${parameter.name}}`))
    .map((parameter) => `{${parameter.name}}`);
  return path.replace(/\*$/, names.length === 0 ? '{rest}' : names.join('/'));
}

/** `GET /v1/models/{model}` → `getV1ModelsByModel`: the same for as long as the route is. */
function operationIdOf(method: string, path: string): string {
  const words = path
    .split('/')
    .flatMap((part) => (part.startsWith('{') ? ['by', part.slice(1, -1)] : part.split(/[^A-Za-z0-9]+/)))
    .filter((word) => word !== '')
    .map((word) => word[0]?.toUpperCase() + word.slice(1));
  return method.toLowerCase() + words.join('');
}
