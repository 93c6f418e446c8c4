// `drover engine`: the builds of llama.cpp of this data directory. It works beside a running server, which takes a new
// current build up with its next load.
import { existsSync } from 'node:fs';
import { Fault } from '../base/fault.ts';
import type { EngineBuild } from '../engine/build.ts';
import { withCore } from './assembly.ts';
import type { Call, Run } from './command-line.ts';
import { dim, green, print, printJson, progressLine, red, table, tell } from './terminal.ts';

export const engine: Run = async (call) => {
  const [action, which] = call.words.map((word) => (typeof word === 'string' ? word : undefined));
  const bar = progressLine(call.isJson);
  const onProgress = (progress: { stage: string; name: string; doneBytes: number; totalBytes: number | null }): void =>
    bar.update(`${progress.stage} ${progress.name}`, progress.doneBytes, progress.totalBytes);
  const options = { signal: call.signal, onProgress };
  try {
    return await withCore(call, async (core) => {
      const { engines, choice } = core;
      switch (action) {
        case 'ls':
        case 'list':
          return listBuilds(call, engines.list(), engines.current());
        case 'install': {
          const isPath = which !== undefined && (existsSync(which) || /[/\\]/.test(which));
          if (isPath && !existsSync(which)) throw new Fault('not_found', `There is no file or folder ${which}.`);
          const build = isPath
            ? await engines.installFrom(which, options)
            : await engines.install({ ...(await choice.request()), ...options, version: which ?? null });
          return tellBuild(call, bar, 'Installed', build);
        }
        case 'use':
          if (which === undefined) throw new Fault('bad_request', 'Which build? "drover engine ls" shows them.');
          return tellBuild(call, bar, 'In use:', await engines.use(which, options));
        case 'update':
          return tellBuild(call, bar, 'In use:', await engines.update({ ...(await choice.request()), ...options }));
        case 'rollback':
          return tellBuild(call, bar, 'Back to', await engines.rollback(options));
        default:
          throw new Fault(
            'bad_request',
            `drover engine knows ls, install, use, update and rollback, not "${action ?? ''}".`,
          );
      }
    });
  } finally {
    bar.stop();
  }
};

function listBuilds(call: Call, builds: readonly EngineBuild[], current: EngineBuild | null): number {
  const shown = current !== null && !builds.some((build) => build.id === current.id) ? [current, ...builds] : builds;
  if (call.isJson) {
    printJson(shown.map((build) => ({ ...build, flags: build.flags.size, isCurrent: build.id === current?.id })));
    return 0;
  }
  if (shown.length === 0) tell('No engine is installed; "drover engine install" brings the one that fits.');
  else {
    print(
      table(
        ['', 'ENGINE', 'VERSION', 'BACKEND', 'SOURCE', 'PROOF'],
        shown.map((build) => [
          build.id === current?.id ? '*' : ' ',
          build.id,
          build.version,
          build.backend,
          build.source,
          build.proof === null
            ? dim('not tried')
            : build.proof.isGood
              ? green(proofWords(build))
              : red(build.proof.reason ?? 'failed'),
        ]),
      ),
    );
  }
  return 0;
}

const proofWords = (build: EngineBuild): string => {
  const speed = build.proof?.tokensPerSecond ?? null;
  return `ran on ${build.proof?.bufferDevices.join(', ') ?? 'unknown'}${speed === null ? '' : `, ${speed.toFixed(0)} tokens/s`}`;
};

function tellBuild(call: Call, bar: { stop(): void }, verb: string, build: EngineBuild): number {
  bar.stop();
  if (call.isJson) printJson({ ...build, flags: build.flags.size });
  else tell(`${verb} ${build.id}: llama.cpp ${build.version}, ${build.backend}, ${proofWords(build)}.`);
  return 0;
}
