// The OpenAPI 3.0 document of a server, made from its routes. It must never describe a route that does not exist, nor load
// anything.
import { registerSchemaPath } from '@elysiajs/swagger/utils';
import type { AnyElysia, HTTPMethod } from 'elysia';

type SchemaPaths = Parameters<typeof registerSchemaPath>[0]['schema'];

const TAGS = [
  { name: 'OpenAI', description: "OpenAI's API, and Anthropic's messages, relayed to the model's engine." },
  { name: 'llama.cpp', description: "llama-server's own routes, relayed by model." },
  { name: 'Server', description: 'Health, metrics and what users of llama-swap expect.' },
  { name: 'Drover', description: 'Our own API.' },
];

export function describeApi(app: AnyElysia, version: string) {
  const paths: SchemaPaths = {};
  for (const route of app.routes) {
    if (route.hooks?.detail?.hide === true) continue;
    // A route for every method is shown as the two that are used.
    for (const method of route.method === 'ALL' ? ['GET', 'POST'] : [route.method]) {
      // A wildcard is a parameter for people; OpenAPI has no other word for it.
      const path = route.path.replace(/\*$/, '{rest}');
      registerSchemaPath({ schema: paths, path, method: method as HTTPMethod, hook: route.hooks, models: {} });
      if (path === route.path) continue;
      const operation = paths[path]?.[method.toLowerCase() as 'get'];
      if (operation !== undefined) {
        operation.parameters = [{ in: 'path', name: 'rest', required: true, schema: { type: 'string' } }];
      }
    }
  }
  return {
    openapi: '3.0.3',
    info: {
      title: 'Drover',
      version,
      description: 'One executable that makes a machine serve language models.',
    },
    servers: [{ url: '/' }],
    tags: TAGS,
    components: {
      securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'Needed as soon as a key exists.' } },
    },
    security: [{}, { key: [] }],
    paths,
  };
}
