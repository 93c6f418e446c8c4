// BeautyAI's routes about benchmarks: one that its caller waits for, one in the background, and how that one stands. Each is
// one call to the core.
import { Type } from '@sinclair/typebox';
import type { AnyElysia } from 'elysia';
import { toFault } from '../../base/fault.ts';
import type { Desks } from '../../core/desks.ts';
import { bodyOf, isTrue, pathOf, queryOf, restOf } from '../intake.ts';
import { described } from './described.ts';
import { BenchmarkBody, BenchmarkSchema, benchmarkExamples } from './schema-benchmark.ts';
import { asLoadFault } from './shape.ts';
import { benchmarkToWire, runToWire, toBenchmark } from './shape-benchmark.ts';
import { timed } from './timing.ts';

const ONE = '/inference/benchmark/';

export function benchmarkRoutes(app: AnyElysia, desks: Desks): void {
  app
    .post('/inference/benchmark', ({ request }) => timed(() => benchmark(desks, request)), {
      parse: 'none',
      detail: described({
        summary: 'Measure a model: latency, throughput, or both over the length of prompts',
        description:
          'One benchmark runs at a time; loading is in no figure. One whose caller leaves ends. With ?background=true the answer comes at once with a `benchmark_id`.',
        parameters: [
          {
            name: 'background',
            in: 'query',
            description: 'Do not wait; read it back by its id.',
            schema: Type.Boolean(),
          },
        ],
        body: { schema: BenchmarkBody, examples: benchmarkExamples },
        answer: BenchmarkSchema,
        errors: [404, 500],
      }),
    })
    .get(`${ONE}:id`, ({ request }) => timed(() => stateOf(desks, request)), {
      detail: described({
        summary: 'A benchmark in the background: how it stands, and what it has measured',
        parameters: [{ name: 'id', in: 'path', description: 'Its `benchmark_id`.', example: '{{savedBench}}' }],
        answer: BenchmarkSchema,
        errors: [404],
      }),
    });
}

async function benchmark({ tests }: Desks, request: Request): Promise<object> {
  const { kind, plan } = toBenchmark(await bodyOf(request, BenchmarkBody));
  const wanted = { owner: 'beautyai', name: null };
  if (isTrue(queryOf(request).get('background'))) {
    return runToWire(await tests.start({ ...wanted, tests: [{ kind, plan }] }), 0, null);
  }
  const measured = tests.measure({ ...wanted, kind, plan }, { signal: request.signal });
  const { report } = await measured.catch((thrown: unknown) => {
    const fault = toFault(thrown);
    // Of a model, not of the request, which is well.
    throw fault.kind === 'unprocessable' ? asLoadFault(fault) : fault;
  });
  return benchmarkToWire(kind, report);
}

function stateOf({ tests }: Desks, request: Request): object {
  const { session, ratio, report } = tests.standing(restOf(pathOf(request), ONE).replace(/\/$/, ''));
  return runToWire(session, ratio, report);
}
