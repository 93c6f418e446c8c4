// What a person sees first: the plan (hardware, engine, models, address), one question, and where to go.
import { confirm, isCancel, select } from '@clack/prompts';
import { Fault, toFault } from '../base/fault.ts';
import { Latch } from '../base/sync.ts';
import type { Desks } from '../core/desks.ts';
import { hardwareLines } from '../core/findings-hardware.ts';
import type { RecommendedModel } from '../core/recommended.ts';
import type { Backend } from '../engine/build.ts';
import { findOnPath } from '../engine/sources/local.ts';
import type { RemoteBuild } from '../engine/sources/source.ts';
import type { DownloadJob } from '../models/downloads.ts';
import { isAtRest } from '../models/downloads-record.ts';
import { isProbeOnly, MODELS_HINT, PROBE_WORDS, usableModels } from './announce.ts';
import type { OpenedCore } from './assembly.ts';
import type { Call } from './command-line.ts';
import { recommendedOption } from './model-choice.ts';
import { bold, bytesText, dim, isInteractive, progressLine, tell } from './terminal.ts';

/** What the person has said to; null: this is no first run. */
export interface FirstRun {
  /** A model to fetch once the server is up: `owner/name:TAG`; null: none. */
  readonly reference: string | null;
}

/**
 * Shows the plan before anything is fetched. On a terminal one question is asked: whether to go on, and with which model where
 * there is none; without one (a service, a script) the words on the command line were consent enough, for the engine alone.
 * Throws `cancelled` on a no.
 */
export async function planFirstRun(call: Call, core: OpenedCore): Promise<FirstRun> {
  await core.drover.rescan();
  await tellPlan(call, core);
  if (call.config.settings.offline || call.options.yes === true || !isInteractive()) return { reference: null };
  const models = isProbeOnly(core) ? await recommendedModels(core, call.signal) : [];
  const answer = models.length === 0 ? await askToGoOn() : await askForModel(models);
  if (answer === NO) throw new Fault('cancelled', 'Nothing was fetched.', { hint: 'drover asks again.' });
  return { reference: answer === WITHOUT ? null : answer };
}

const NO = 'no';
const WITHOUT = 'yes';

async function askToGoOn(): Promise<string> {
  const answer = await confirm({ message: 'Go on?', initialValue: true, output: process.stderr });
  return isCancel(answer) || !answer ? NO : WITHOUT;
}

async function askForModel(models: readonly RecommendedModel[]): Promise<string> {
  const answer = await select({
    message: 'Go on?',
    options: [
      ...models.map((model) => {
        const { value, label, hint } = recommendedOption(model);
        return { value, label: `yes, and fetch ${label}`, hint };
      }),
      { value: WITHOUT, label: 'yes, without a model for now' },
      { value: NO, label: 'no' },
    ],
    output: process.stderr,
  });
  return isCancel(answer) ? NO : answer;
}

/** Those that fit this machine; none where the hub is not reached: then a model can be fetched any time later. */
async function recommendedModels(core: OpenedCore, signal: AbortSignal): Promise<readonly RecommendedModel[]> {
  if (core.desks === null) return [];
  tell(dim('  looking up models that fit …', process.stderr));
  const { models, failure } = await core.desks.recommended.forThisMachine(signal);
  if (failure !== null) tell(dim(`  none can be offered now: ${failure.message}`, process.stderr));
  return models.filter(({ offer }) => offer !== null);
}

/** The last words of a first run: what was wished for is fetched, and the address stands at the end. */
export async function endFirstRun(core: OpenedCore, { reference }: FirstRun, urls: readonly string[]): Promise<void> {
  const fetched = reference === null || core.desks === null ? null : await fetchFirst(core, core.desks, reference);
  const failure = core.choice.failure;
  const [url = ''] = urls;
  tell('');
  if (failure === null) tell(`${bold('Drover is ready:', process.stderr)} ${bold(url, process.stderr)}`);
  else {
    tell(`${bold('Drover serves, without an engine:', process.stderr)} ${failure.message}`);
    if (failure.hint !== undefined) tell(`  ${failure.hint}`);
    tell(`  It tries again when a model is asked for. ${bold(url, process.stderr)}`);
  }
  tell(`  a chat in the browser   ${url}/ui/`);
  tell(`  a chat in a terminal    drover run ${fetched ?? usableModels(core)[0]?.id ?? ''}`.trimEnd());
  tell(`  for programs            ${url}/v1  (all APIs: ${url}/docs)`);
  tell('  at every start          drover service install\n');
}

/** The model's id; null where it did not come, which is told. An end of the server leaves the download to the next one. */
async function fetchFirst(core: OpenedCore, desks: Desks, reference: string): Promise<string | null> {
  const bar = progressLine(false);
  const over = new Latch<DownloadJob>();
  const watch = (id: string): (() => void) =>
    core.bus.subscribe(({ event }) => {
      if (event.type === 'server.stopping')
        over.fail(new Fault('cancelled', 'The server stops; the download goes on with the next one.'));
      if (event.type !== 'download.changed' || event.job.id !== id) return;
      bar.update(`download ${event.job.name}`, event.job.doneBytes, event.job.totalBytes);
      if (isAtRest(event.job.state)) over.open(event.job);
    });
  let unsubscribe = (): void => undefined;
  try {
    const job = await desks.downloads.pull(reference);
    unsubscribe = watch(job.id);
    // It may have ended before anybody listened.
    const now = desks.downloads.list().find(({ id }) => id === job.id);
    if (now !== undefined && isAtRest(now.state)) over.open(now);
    const done = await over.promise;
    const path = done.files[0]?.path;
    if (done.state === 'finished') return core.drover.models().find((model) => model.path === path)?.id ?? null;
    tell(`  ${reference} did not come: ${done.failure?.message ?? done.state}`);
  } catch (thrown) {
    tell(`  ${reference} did not come: ${toFault(thrown).message}`);
  } finally {
    unsubscribe();
    bar.stop();
  }
  tell(`  Try it again: drover pull ${reference}`);
  return null;
}

/** What an index says of sizes is worth no longer a wait. */
const SIZE_PATIENCE_MS = 2500;

async function tellPlan(call: Call, core: OpenedCore): Promise<void> {
  const { settings, paths } = call.config;
  const patience = AbortSignal.any([call.signal, AbortSignal.timeout(SIZE_PATIENCE_MS)]);
  // Only who is asked waits for it.
  const isAsked = isInteractive() && call.options.yes !== true;
  const [hardware, { ladder, pathVariable }, build] = await Promise.all([
    core.drover.hardware(),
    core.choice.request(),
    isAsked ? (core.desks?.engine.toFetch(patience) ?? null) : null,
  ]);
  tell(`\n${bold('Drover', process.stderr)} makes this machine serve language models. The plan:\n`);
  for (const line of hardwareLines(hardware)) tell(line);
  const backends = ladder.filter((rung) => rung.isOffered).map((rung) => BACKEND_WORDS[rung.backend]);
  const onPath = findOnPath(pathVariable ?? '');
  if (onPath !== null) tell(`  engine    ${onPath}, if it proves itself here; else one is fetched`);
  else if (settings.offline) tell('  engine    none is installed, and offline none is fetched');
  else if (build === null) {
    tell(`  engine    llama.cpp for ${backends.join(', else ')}: fetched, proved here, kept in ${paths.engines}`);
  } else {
    tell(`  engine    llama.cpp ${buildWords(build)}; proved here, kept in ${paths.engines}`);
    const others = backends.filter((words) => words !== BACKEND_WORDS[build.backend]);
    if (others.length > 0) tell(`            if it does not work here: ${others.join(', else ')}`);
  }
  const usable = usableModels(core);
  if (isProbeOnly(core)) {
    tell(`  models    none found; ${PROBE_WORDS}`);
    tell(`            ${MODELS_HINT}`);
  } else {
    const names = usable.slice(0, 4).map((model) => model.id);
    tell(
      `  models    ${usable.length}, used where they are: ${names.join(', ')}${usable.length > names.length ? ', …' : ''}`,
    );
  }
  tell(`  address   ${settings.listen}\n`);
}

/** `0.7.0 for the processor, 12.3 MiB from Debian`. */
function buildWords({ version, backend, source, files }: RemoteBuild): string {
  const sizes = files.map(({ sizeBytes }) => sizeBytes);
  const isKnown = sizes.length > 0 && sizes.every((size) => size !== null);
  const size = isKnown ? `${bytesText(sizes.reduce((sum, each) => sum + (each ?? 0), 0))} ` : '';
  return `${version} for ${BACKEND_WORDS[backend]}, ${size}from ${SOURCE_WORDS[source] ?? source}`;
}

const SOURCE_WORDS: Readonly<Record<string, string>> = { github: 'GitHub', debian: 'Debian' };

const BACKEND_WORDS: Readonly<Record<Backend, string>> = {
  cuda: 'CUDA',
  rocm: 'ROCm',
  vulkan: 'Vulkan',
  metal: 'Metal',
  sycl: 'SYCL',
  cpu: 'the processor',
};
