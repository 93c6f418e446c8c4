// What a person sees first: the plan (hardware, engine, models, address), one question, and where to go.
import { confirm, isCancel } from '@clack/prompts';
import { Fault } from '../base/fault.ts';
import { hardwareLines } from '../core/findings.ts';
import type { Backend } from '../engine/build.ts';
import { readPointer } from '../engine/installed.ts';
import type { OpenedCore } from './assembly.ts';
import type { Call } from './command-line.ts';
import { bold, dim, isInteractive, progressLine, tell } from './terminal.ts';

/** True when no engine is there yet and none was given. */
export const isFirstRun = (call: Call): boolean =>
  call.config.settings.engine === 'auto' && readPointer(call.config.paths.engines) === null;

/**
 * Shows the plan before anything is fetched. On a terminal the download is asked for once; without one (a service, a
 * script) the words on the command line were consent enough. Throws `cancelled` on a no.
 */
export async function planFirstRun(call: Call, core: OpenedCore): Promise<void> {
  await core.drover.rescan();
  await tellPlan(call, core);
  if (call.config.settings.offline || call.options.yes === true || !isInteractive()) return;
  const answer = await confirm({ message: 'Go on?', initialValue: true, output: process.stderr });
  if (isCancel(answer) || !answer) throw new Fault('cancelled', 'Nothing was fetched.');
}

/** Where it can be reached, at once; and the engine's download as it goes. */
export function announce(core: OpenedCore, urls: readonly string[]): void {
  for (const url of urls)
    tell(
      `  ${bold(url, process.stderr)}  ${dim(`page ${url}/ui/  docs ${url}/docs  OpenAI API ${url}/v1`, process.stderr)}`,
    );
  const bar = progressLine(false);
  const unsubscribe = core.bus.subscribe(({ event }) => {
    if (event.type === 'engine.progress') bar.update(event.stage, event.doneBytes, event.totalBytes);
    else if (event.type === 'engine.changed') {
      bar.stop();
      unsubscribe();
    }
  });
}

async function tellPlan(call: Call, core: OpenedCore): Promise<void> {
  const { settings, paths } = call.config;
  tell(`\n${bold('Drover', process.stderr)} makes this machine serve language models. The plan:\n`);
  for (const line of hardwareLines(await core.drover.hardware())) tell(line);
  const { ladder } = await core.choice.request();
  const backends = ladder.filter((rung) => rung.isOffered).map((rung) => BACKEND_WORDS[rung.backend]);
  tell(
    settings.offline
      ? '  engine    none is installed, and offline none is fetched'
      : `  engine    llama.cpp for ${backends.join(', else ')}: fetched, proved here, kept in ${paths.engines}`,
  );
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

const BACKEND_WORDS: Readonly<Record<Backend, string>> = {
  cuda: 'CUDA',
  rocm: 'ROCm',
  vulkan: 'Vulkan',
  metal: 'Metal',
  sycl: 'SYCL',
  cpu: 'the processor',
};

/** On every later start: nothing but the probe to serve is worth a line. */
export function warnWithoutModels(core: OpenedCore): void {
  if (isProbeOnly(core)) core.log.warn(`no model found; ${PROBE_WORDS}`, { hint: MODELS_HINT });
}

const PROBE_WORDS = 'the tiny drover-probe stands in, so that the API can be tried (it talks nonsense)';
const MODELS_HINT = 'Put a GGUF file into a folder and name it: drover serve --models-folder DIR';

const usableModels = (core: OpenedCore) => core.drover.models().filter((model) => model.failure === null);

function isProbeOnly(core: OpenedCore): boolean {
  const usable = usableModels(core);
  return usable.length === 1 && usable[0]?.id === 'drover-probe';
}
