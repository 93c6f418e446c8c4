// Our own routes for those who look at the server as a whole: what is wrong, how far a first visit has come, and what to
// get first. Each is one call to the core.
import type { AnyElysia } from 'elysia';
import type { Desks } from '../../core/desks.ts';
import type { Finding } from '../../core/finding.ts';
import { isTrue, queryOf, readFields } from '../intake.ts';
import { described } from './operations.ts';
import * as op from './operations-welcome.ts';

export function welcomeRoutes(app: AnyElysia, { askRelease, doctor, recommended, visit }: Desks): void {
  app
    .get('/drover/doctor', async ({ request }) => ({ findings: await examine(doctor, request) }), {
      detail: described(op.DOCTOR),
    })
    .post('/drover/doctor/fix', ({ request }) => mend(doctor, request), { parse: 'none', detail: described(op.MEND) })
    .get('/drover/recommended', ({ request }) => recommended.forThisMachine(request.signal), {
      detail: described(op.RECOMMENDED),
    })
    .get('/drover/release', ({ request }) => askRelease(request.signal), { detail: described(op.RELEASE) })
    .get('/drover/setup', () => visit.state(), { detail: described(op.SETUP) })
    .post('/drover/setup/engine', ({ request }) => tryEngine(visit, request), {
      parse: 'none',
      detail: described(op.TRY_ENGINE),
    });
}

const examine = (doctor: Desks['doctor'], request: Request): Promise<readonly Finding[]> =>
  isTrue(queryOf(request).get('deep')) ? doctor.examineDeeply(request.signal) : doctor.examine(request.signal);

async function mend(doctor: Desks['doctor'], request: Request): Promise<unknown> {
  await readFields(request);
  return doctor.mend(request.signal);
}

async function tryEngine(visit: Desks['visit'], request: Request): Promise<unknown> {
  // The body is ignored, but its sender must not be kept waiting for somebody to read it.
  await readFields(request);
  return visit.tryEngine();
}
