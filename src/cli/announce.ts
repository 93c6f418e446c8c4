// What a start tells a person: where the server is, how the engine comes, and when there is nothing but the probe to serve.
import { dirname, join } from 'node:path';
import { environment } from '../config/load.ts';
import { readPointer, readRecord } from '../engine/installed.ts';
import { findOnPath } from '../engine/sources/local.ts';
import type { OpenedCore } from './assembly.ts';
import type { Call } from './command-line.ts';
import { bold, dim, progressLine, tell } from './terminal.ts';

/** True when no engine is there yet, none was given, and none on PATH has proved itself. */
export function isFirstRun({ config: { settings, paths } }: Call): boolean {
  if (settings.engine !== 'auto' || readPointer(paths.engines) !== null) return false;
  const env = environment();
  const onPath = findOnPath(env.PATH ?? env.Path ?? '');
  if (onPath === null) return true;
  return readRecord(dirname(onPath), join(paths.engines, 'path.json'))?.build.proof?.isGood !== true;
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

/** On every later start: nothing but the probe to serve is worth a line. */
export function warnWithoutModels(core: OpenedCore): void {
  if (isProbeOnly(core)) core.log.warn(`no model found; ${PROBE_WORDS}`, { hint: MODELS_HINT });
}

export const PROBE_WORDS = 'the tiny drover-probe stands in, so that the API can be tried (it talks nonsense)';
export const MODELS_HINT = 'Put a GGUF file into a folder and name it: drover serve --models-folder DIR';

export const usableModels = (core: OpenedCore) => core.drover.models().filter((model) => model.failure === null);

export function isProbeOnly(core: OpenedCore): boolean {
  const usable = usableModels(core);
  return usable.length === 1 && usable[0]?.id === 'drover-probe';
}
