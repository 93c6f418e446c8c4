// Which projector (`mmproj`) belongs to which model: the engine refuses a wrong pair, so a pair needs a reason. A repository is one;
// in a folder of many models it takes the name, or the only model of the right width. Pure.
import type { ModelFacts } from '../gguf/facts.ts';
import { slugOf, splitQuantization } from './names.ts';

export interface ProjectorCandidate {
  readonly path: string;
  readonly group: string;
  /** File name without `.gguf`. */
  readonly stem: string;
  readonly facts: ModelFacts | null;
}

export interface ProjectorTarget extends ProjectorCandidate {
  /** Name without quantization: `gemma-3-4b-it`; models of one family differ in quantization only. */
  readonly family: string;
  readonly isRepository: boolean;
}

/** True for files that are no models but eyes or ears of one. */
export const isProjector = (stem: string, facts: ModelFacts | null): boolean =>
  facts?.kind === 'projector' || /mmproj/i.test(stem);

/** The best projector for each target that has one, by the target's path. */
export function pairProjectors(
  targets: readonly ProjectorTarget[],
  projectors: readonly ProjectorCandidate[],
): Map<string, ProjectorCandidate> {
  const pairs = new Map<string, ProjectorCandidate>();
  const usable = projectors.filter((projector) => projector.facts?.kind === 'projector');
  const groups = Map.groupBy(usable, (projector) => projector.group);
  const families = new Map<string, Set<string>>();
  for (const { group, family } of targets) families.set(group, (families.get(group) ?? new Set()).add(family));
  for (const target of targets) {
    const near = groups.get(target.group);
    if (near === undefined || !canSee(target.facts)) continue;
    const isAlone = families.get(target.group)?.size === 1;
    const [best] = near
      .flatMap((projector) => {
        const rank = rankOf(target, projector, isAlone, () => isOnlyOfItsWidth(target, projector, targets));
        return rank === null ? [] : [{ projector, rank }];
      })
      .sort(
        (left, right) =>
          left.rank - right.rank ||
          precisionRank(left.projector) - precisionRank(right.projector) ||
          (left.projector.path < right.projector.path ? -1 : 1),
      );
    if (best !== undefined) pairs.set(target.path, best.projector);
  }
  return pairs;
}

const canSee = (facts: ModelFacts | null): boolean =>
  facts === null || ['text', 'embedding', 'unknown'].includes(facts.kind);

/** How good the reason is, 0 best; null where there is none. */
function rankOf(
  target: ProjectorTarget,
  projector: ProjectorCandidate,
  isAlone: boolean,
  isOnlyOfItsWidth: () => boolean,
): number | null {
  const width = widthMatch(target.facts, projector.facts);
  const own = wordsOf(projector.stem);
  const words = new Set([...wordsOf(target.stem), ...wordsOf(target.facts?.name ?? '')]);
  const isNamed = own.size > 0 && [...own].every((word) => words.has(word));
  // Equal names win over widths: older projectors state the width of the vision tower.
  if (isNamed && own.size === wordsOf(target.stem).size) return 0;
  if (width === false) return isAlone && target.isRepository && !isNamed ? 4 : null;
  if (isNamed) return 1;
  if (isAlone) return width === true ? 2 : 3;
  // `mmproj-f16.gguf` among many models says nothing; a name that says something else is a reason against.
  const header = wordsOf(projector.facts?.name ?? projector.facts?.basename ?? '');
  if (own.size > 0) return null;
  if (header.size > 0 && [...header].every((word) => words.has(word))) return 2;
  return width === true && isOnlyOfItsWidth() ? 3 : null;
}

function isOnlyOfItsWidth(
  target: ProjectorTarget,
  projector: ProjectorCandidate,
  targets: readonly ProjectorTarget[],
): boolean {
  return targets.every(
    (other) =>
      other.group !== target.group ||
      other.family === target.family ||
      widthMatch(other.facts, projector.facts) === false,
  );
}

/** Null where either side does not say. */
function widthMatch(model: ModelFacts | null, projector: ModelFacts | null): boolean | null {
  const wanted = projector?.projector?.projectionLength ?? null;
  const width = model?.embeddingLength ?? 0;
  return wanted === null || wanted === 0 || width === 0 ? null : wanted === width;
}

/** What tells models apart in a name: no quantization, no words that every projector has. */
export function wordsOf(name: string): ReadonlySet<string> {
  const slug = slugOf(splitQuantization(name).name).text;
  return new Set(
    slug.split(/[^a-z0-9.]+|\.(?!\d)/).filter((word) => !/^(|mmproj|model|gguf|clip|vision|projector)$/.test(word)),
  );
}

/** F16 first: it is what was trained, at half the size of F32. */
export function precisionRank(projector: ProjectorCandidate): number {
  const label = splitQuantization(projector.stem).quantization ?? projector.facts?.quantization ?? '';
  const rank = ['F16', 'BF16', 'Q8_0', 'F32'].indexOf(label);
  return rank === -1 ? 4 : rank;
}
