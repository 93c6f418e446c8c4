// HEAD answered by what GET would be: its status and headers. The framework would read the whole of a body to learn its
// length, and a stream of events has no end. It must never leave such a stream open.
import { identityOf, noteIdentity } from '../access/identity.ts';
import { arrivalOf, noteArrival } from '../dialects/arrival.ts';

type Answer = Response | undefined;

/** `answer` gets the same request as a GET. */
export async function headed(
  request: Request,
  answer: (request: Request) => Answer | Promise<Answer>,
): Promise<Response> {
  const asked = new Request(request.url, { headers: request.headers, signal: request.signal });
  const identity = identityOf(request);
  if (identity !== null) noteIdentity(asked, identity);
  const arrival = arrivalOf(request);
  if (arrival !== null) noteArrival(asked, arrival);
  const whole = (await answer(asked)) ?? new Response();
  const headers = new Headers(whole.headers);
  if (isEndless(whole)) await whole.body?.cancel();
  else headers.set('content-length', String((await whole.arrayBuffer()).byteLength));
  return new Response(null, { status: whole.status, headers });
}

/** Our own streams ask proxies not to buffer them. */
const isEndless = ({ headers }: Response): boolean => headers.get('x-accel-buffering') === 'no';
