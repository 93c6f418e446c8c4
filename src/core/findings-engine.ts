// What the engine says: which build is in use, how it did when it was proved, what other builds failed of.
import type { Engines } from '../engine/install.ts';
import type { Wanted } from '../hardware/system-packages.ts';
import type { EngineChoice } from './engine-choice.ts';
import { type Finding, finding } from './finding.ts';

export interface EngineFacts {
  readonly choice: Pick<EngineChoice, 'request' | 'build'>;
  readonly engines: Pick<Engines, 'current' | 'ladderStatus'>;
  /** How this system brings a library; null: unknown. */
  readonly install: (wanted: readonly Wanted[]) => Promise<string | null>;
  readonly isKnownLibrary: (name: string) => name is Wanted;
}

export async function* engineFindings(facts: EngineFacts): AsyncGenerator<Finding, void, void> {
  const { choice, engines } = facts;
  const { ladder } = await choice.request();
  const current = choice.build ?? engines.current();
  if (current === null) {
    yield finding('warning', 'engine-none', 'engine', 'No engine is installed.', { command: 'drover engine install' });
  } else {
    const best = ladder.find((rung) => rung.isOffered);
    const isBest = best === undefined || best.backend === current.backend || current.source === 'given';
    const { proof } = current;
    const proved =
      proof === null
        ? 'not made'
        : proof.isGood
          ? `good on ${proof.bufferDevices.join(', ')}`
          : `failed: ${proof.reason}`;
    const message = `${current.id}: llama.cpp ${current.version}, ${current.backend}, proof ${proved}.`;
    const about = { subject: current.id, evidence: [current.folder] };
    const command = 'drover engine update';
    if (proof !== null && !proof.isGood) {
      yield finding('warning', 'engine-unproved', 'engine', message, { ...about, hint: 'Bring another one.', command });
    } else if (isBest) yield finding('ok', 'engine-good', 'engine', message, about);
    else {
      const hint = `This machine could use ${best?.backend}: ${best?.reason}.`;
      yield finding('warning', 'engine-second-best', 'engine', message, { ...about, hint, command });
    }
  }
  for (const { rung, failures } of engines.ladderStatus(ladder)) {
    for (const { id, reason } of failures) {
      const missing = missingIn(reason);
      if (missing === null) {
        yield finding('warning', 'engine-failed', 'engine', `${rung.backend} (${id}) failed: ${reason}`, {
          hint: 'It is tried again after a driver or engine change.',
          subject: id,
          evidence: [reason],
        });
      } else yield await libraryFinding(facts, `${rung.backend} (${id})`, id, missing, reason);
    }
  }
}

interface Missing {
  /** `libgomp.so.1`, `GLIBC_2.38`. */
  readonly name: string;
  readonly isLibc: boolean;
}

/** What the system's loader said that it lacks; null: the build failed of something else. */
export function missingIn(reason: string): Missing | null {
  const libc = /version [`'‘"](GLIBC(?:XX)?_[\d.]+)['’"] not found/.exec(reason)?.[1];
  if (libc !== undefined) return { name: libc, isLibc: true };
  const library = /(?:error while loading shared libraries: |Error loading shared library )([\w.+-]+\.so[\w.]*)/.exec(
    reason,
  )?.[1];
  return library === undefined ? null : { name: library, isLibc: false };
}

async function libraryFinding(
  { install, isKnownLibrary }: EngineFacts,
  build: string,
  id: string,
  { name, isLibc }: Missing,
  reason: string,
): Promise<Finding> {
  const message = isLibc
    ? `${build} needs a newer C library than this system has: ${name}.`
    : `${build} needs ${name}, which is not installed.`;
  return finding('warning', 'library-missing', 'engine', message, {
    hint: isLibc
      ? 'A build for this system is needed: Debian’s bring their own C library.'
      : 'Then try "drover engine update".',
    subject: id,
    evidence: [reason],
    command: isKnownLibrary(name) ? await install([name]) : null,
  });
}
