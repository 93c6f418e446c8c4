// The few paths that two dialects have, each with the rule by which one of them answers. Every other path has one owner. It must
// never do itself what it decides about.
import type { AnyElysia } from 'elysia';
import type { Desks } from '../core/desks.ts';
import type { Drover } from '../core/drover.ts';
import { arrivalOf, noteSpeaker } from './arrival.ts';
import { claraMetrics } from './clara/routes.ts';
import { claraConfig, claraReplace } from './clara/routes-config.ts';
import * as schema from './crossroads-schema.ts';
import { describer } from './described.ts';
import { readFields } from './intake.ts';
import { llamactlConfigView } from './llamactl/shape-config.ts';
import { llamahomeConfigOf } from './llamahome/routes-models.ts';
import { llamahomeMetrics, wantsStream } from './llamahome/routes-system.ts';
import { configSpeaker } from './resolve.ts';

const described = describer({ tag: 'ClaraCore', error: schema.CodedError });

/** Clashes as data: the paths, and who has them. */
export const CONTESTED_ROUTES: Readonly<Record<string, readonly string[]>> = {
  'GET /api/config': ['clara', 'llamactl'],
  'POST /api/config': ['clara', 'llamahome'],
  'GET /api/metrics': ['clara', 'llamahome'],
};

export function crossroadsRoutes(app: AnyElysia, drover: Drover, desks: Desks): void {
  app
    .get('/api/config', () => ({ ...llamactlConfigView(desks.effective.view()), ...claraConfig(desks) }), {
      detail: described({
        summary: 'The configuration: ClaraCore’s text and values, and LlamaCtl’s view under its own keys',
        description: 'Secrets are masked.',
        answer: schema.ConfigSchema,
        errors: [400],
      }),
    })
    .post('/api/config', ({ request }) => config(drover, desks, request), {
      parse: 'none',
      detail: described({
        summary: 'ClaraCore: replace the configuration. LlamaHome: read it, or change its settings',
        description:
          'A body with `yaml` is ClaraCore’s: checked first, backed up, in use at once. One with `model_settings` or `system_settings`, or none, is LlamaHome’s. A listener, prefix or header that names one of them decides before that.',
        body: { schema: schema.ConfigBody, examples: schema.configExamples, isOptional: true },
        answer: schema.ConfigAnswer,
        errors: [400, 403, 422],
      }),
    })
    .get('/api/metrics', ({ request }) => metrics(drover, request), {
      detail: described({
        summary: 'ClaraCore: figures of each model. LlamaHome: the same as a stream, where one is asked for',
        description:
          'A stream is asked for by `Accept: text/event-stream` or `application/x-ndjson`, or by `stream=true`.',
        parameters: [{ name: 'stream', in: 'query', description: 'true: LlamaHome’s stream.' }],
        answer: schema.MetricsSchema,
        alternatives: schema.metricsStreams,
      }),
    });
}

async function config(drover: Drover, desks: Desks, request: Request): Promise<unknown> {
  const fields = await readFields(request);
  const speaker = configSpeaker(fields, arrivalOf(request)?.dialect ?? null);
  noteSpeaker(request, speaker);
  return speaker === 'clara' ? claraReplace(desks, fields) : llamahomeConfigOf({ drover, home: desks.home }, fields);
}

function metrics(drover: Drover, request: Request): unknown {
  const isHome = arrivalOf(request)?.dialect === 'llamahome' || wantsStream(request);
  return isHome ? llamahomeMetrics({ drover }, request) : claraMetrics(drover);
}
