// The table of contents: which doors there are and in which order a request passes them.
import { type AnyElysia, Elysia } from 'elysia';
import { Fault } from '../base/fault.ts';
import { Upstream } from '../base/upstream.ts';
import type { Desks } from '../core/desks.ts';
import type { Drover } from '../core/drover.ts';
import type { EngineTarget } from '../core/metrics-engines.ts';
import { arrivalOf } from '../dialects/arrival.ts';
import { beautyaiRoutes } from '../dialects/beautyai/routes.ts';
import { claraRoutes } from '../dialects/clara/routes.ts';
import { faultOfThrown, faultResponse, type KnownRoute } from '../dialects/crossroads.ts';
import { crossroadsRoutes } from '../dialects/crossroads-routes.ts';
import { droverRoutes } from '../dialects/drover/routes.ts';
import { accessRoutes } from '../dialects/drover/routes-access.ts';
import { benchRoutes } from '../dialects/drover/routes-bench.ts';
import { chatRoutes } from '../dialects/drover/routes-chats.ts';
import { deskRoutes } from '../dialects/drover/routes-desks.ts';
import { modelRoutes } from '../dialects/drover/routes-models.ts';
import { settingsRoutes } from '../dialects/drover/routes-settings.ts';
import { welcomeRoutes } from '../dialects/drover/routes-welcome.ts';
import { pathOf } from '../dialects/intake.ts';
import { llamactlRoutes } from '../dialects/llamactl/routes.ts';
import { authRoutes } from '../dialects/llamactl/routes-auth.ts';
import { llamahomeRoutes } from '../dialects/llamahome/routes.ts';
import { obtRoutes } from '../dialects/obt/routes.ts';
import { openaiRoutes } from '../dialects/openai/routes.ts';
import { speakerOf } from '../dialects/resolve.ts';
import { arrived, unknownDialect } from './arrivals.ts';
import type { Diversion } from './diversion.ts';
import { docsPages } from './docs-page.ts';
import { Guard, type GuardOptions } from './guard.ts';
import { headed } from './head.ts';
import { pages } from './pages.ts';

export interface AppOptions extends GuardOptions {
  /** The engines that are ready now, for `/metrics`; absent: none are asked. */
  readonly engineTargets?: () => readonly EngineTarget[];
  /** What ClaraCore's dialect asks beside the models; absent: it is not spoken. */
  readonly desks?: Desks;
  /** Requests wait for it: before the first look at the models nobody can list or miss one. Absent: ready at once. */
  readonly readyWhen?: Promise<unknown>;
  /** Milliseconds after which a streaming request whose model still loads gets headers and comments. Default 15 000. */
  readonly silenceMs?: number;
  /** Takes all requests once a successor listens; absent: there is never one. */
  readonly diversion?: Diversion;
}

export function createApp(drover: Drover, options: AppOptions): AnyElysia {
  const { diversion = null } = options;
  const upstream = new Upstream();
  const app = new Elysia({
    name: 'drover-server',
    // Bun's own router would answer before the guard has looked.
    systemRouter: false,
    nativeStaticResponse: false,
    // Otherwise the router takes a host for longer than three letters, finds another path than the guard, and
    // `Host: nas` with `/ui/unload` is an open door.
    handler: { standardHostname: false },
    // Bodies that we read are checked by us; nothing is stripped.
    normalize: false,
  });
  const guard = new Guard({
    addressOf: (request) => {
      const { original = request, server = null } = arrivalOf(request) ?? {};
      return (server ?? app.server)?.requestIP(original)?.address ?? '';
    },
    ...options,
    isLeaving: () => diversion?.isOpen === true,
  });
  let routes: readonly KnownRoute[] | null = null;
  const failure = (error: unknown, request: Request): Response => {
    routes ??= app.routes.map(({ method, path }) => ({ method, path }));
    const fault = faultOfThrown(error, request, routes);
    const path = pathOf(request);
    const speaker = speakerOf(path, arrivalOf(request)?.dialect ?? null, request.method);
    if (fault.kind !== 'internal') return faultResponse(fault, path, speaker);
    // What broke is for the log; a caller gets no insides of ours.
    drover.log.as('server').error(fault.message, { path, stack: stackOf(error) });
    return faultResponse(
      new Fault('internal', 'Something broke inside Drover.', {
        hint: 'See "drover logs"; it would help to report it.',
      }),
      path,
      speaker,
    );
  };
  app.onError(({ error, request }) => failure(error, request));
  const { desks } = options;
  pages(app);
  docsPages(app, drover, desks ?? null);
  openaiRoutes(app, {
    drover,
    upstream,
    silenceMs: options.silenceMs ?? 15_000,
    engineTargets: options.engineTargets ?? (() => []),
  });
  droverRoutes(app, drover, desks?.samples ?? null);
  if (desks !== undefined) {
    crossroadsRoutes(app, drover, desks);
    claraRoutes(app, drover, desks);
    authRoutes(app, desks);
    beautyaiRoutes(app, drover, desks);
    llamactlRoutes(app, drover, desks);
    deskRoutes(app, drover, desks);
    benchRoutes(app, desks);
    accessRoutes(app, desks);
    chatRoutes(app, desks);
    modelRoutes(app, desks);
    settingsRoutes(app, desks);
    welcomeRoutes(app, desks);
    obtRoutes(app, drover, desks);
    llamahomeRoutes(app, {
      drover,
      home: desks.home,
      limits: desks.rates,
      silenceMs: options.silenceMs ?? 15_000,
    });
  }
  return app.wrap(guarded(guard, failure, options.readyWhen ?? null, diversion));
}

const stackOf = (thrown: unknown): string =>
  thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);

type Fetch = Parameters<Guard['wrap']>[0];

/** Elysia wraps anew for each request; one wrapped handler is enough. */
function guarded(
  guard: Guard,
  failure: Parameters<Guard['wrap']>[1],
  readyWhen: Promise<unknown> | null,
  diversion: Diversion | null,
) {
  let inner: Fetch | null = null;
  let outer: Fetch | null = null;
  let waiting = readyWhen;
  const open = (): void => {
    waiting = null;
  };
  void readyWhen?.then(open, open);
  return (handler: unknown): Fetch => {
    if (outer === null || handler !== inner) {
      const whole = handler as Fetch;
      inner = whole;
      // What goes to an engine goes as it is.
      const answer: Fetch = (request, server) =>
        request.method !== 'HEAD' || pathOf(request).startsWith('/upstream/')
          ? whole(request, server)
          : headed(request, (asked) => whole(asked, server));
      const here: Fetch = (request, server) =>
        waiting === null || pathOf(request) === '/health'
          ? answer(request, server)
          : waiting.then(
              () => answer(request, server),
              () => answer(request, server),
            );
      const seen = guard.wrap((request, server) => {
        const refused = unknownDialect(request);
        if (refused !== null) return Promise.reject(refused);
        if (diversion === null) return here(request, server);
        if (diversion.isOpen) return diversion.answer(request);
        const decision = diversion.decision(request);
        if (decision === null) return here(request, server);
        return decision.then(() => (diversion.isOpen ? diversion.answer(request) : here(request, server)));
      }, failure);
      outer = (request, server) => seen(arrivalOf(request) === null ? arrived(request, null) : request, server);
    }
    return outer;
  };
}
