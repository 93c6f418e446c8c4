// Our own routes about benchmarks: measure now, and read again what was kept. Each is one call to the core.
import type { AnyElysia } from 'elysia';
import { frameStream, NDJSON_HEADERS } from '../../base/frames.ts';
import type { BenchProgress } from '../../core/bench.ts';
import { tablePlan } from '../../core/bench-plans.ts';
import type { Desks } from '../../core/desks.ts';
import type { Measured } from '../../core/test-sessions.ts';
import { bodyOf, countIn, isTrue, pathOf, queryOf, readFields, restOf } from '../intake.ts';
import { benchFeed } from './feeds.ts';
import { described } from './operations.ts';
import * as op from './operations-bench.ts';
import { BenchBody } from './schema-bench.ts';
import { runToWire } from './shape.ts';

export function benchRoutes(app: AnyElysia, desks: Desks): void {
  app
    .post('/drover/bench', ({ request }) => measure(desks, request), { parse: 'none', detail: described(op.BENCH) })
    .get('/drover/bench', ({ request }) => runs(desks, request), { detail: described(op.RUNS) })
    .post('/drover/bench/:id/cancel', ({ request }) => cancel(desks, request), {
      parse: 'none',
      detail: described(op.CANCEL_RUN),
    })
    .delete('/drover/bench/:id', ({ request }) => remove(desks, request), {
      parse: 'none',
      detail: described(op.REMOVE_RUN),
    })
    .get('/drover/bench/:id', ({ request }) => desks.tests.measured(restOf(pathOf(request), '/drover/bench/')), {
      detail: described(op.MEASURED),
    });
}

async function measure({ tests }: Desks, request: Request): Promise<unknown> {
  const { model, save, background = false, ...wishes } = await bodyOf(request, BenchBody);
  const wanted = { owner: 'drover', name: save ?? null, kind: 'bench', plan: tablePlan(model, wishes) };
  if (background) {
    const { id } = await tests.start({ owner: 'drover', name: wanted.name, tests: [wanted] });
    return { runId: id, report: null };
  }
  const work = (signal: AbortSignal, onProgress?: (progress: BenchProgress) => void): Promise<Measured> =>
    tests.measure(wanted, { signal, onProgress });
  if (!isTrue(queryOf(request).get('stream'))) return work(request.signal);
  // What can be known at once has its true status; what goes wrong later is the last line.
  tests.requireMeasurable(wanted);
  return new Response(
    frameStream((signal) => benchFeed((onProgress) => work(signal, onProgress)), {
      signal: request.signal,
      heartbeat: '\n',
      onError: () => null,
    }),
    { headers: NDJSON_HEADERS },
  );
}

const idOf = (request: Request): string => restOf(pathOf(request), '/drover/bench/').replace(/\/cancel\/?$/, '');

const runs = ({ tests }: Desks, request: Request): unknown => ({
  runs: tests.standings(countIn(queryOf(request), 'limit', 50, 1, 500)).map(runToWire),
});

async function cancel({ tests }: Desks, request: Request): Promise<unknown> {
  // The body is ignored, but its sender must not be kept waiting for somebody to read it.
  await readFields(request);
  const { id } = await tests.cancel(idOf(request));
  return runToWire(tests.standing(id));
}

async function remove({ tests }: Desks, request: Request): Promise<unknown> {
  await readFields(request);
  await tests.remove(idOf(request));
  return { removed: true };
}
