// Which model answers in a chat: the one it has, else the one that was last talked to, else one that is loaded. Pure.
import type { Model } from '../../api/answers.ts';

export function chosenModel(
  models: readonly Pick<Model, 'id' | 'aliases' | 'instance'>[],
  wishes: readonly (string | null)[],
): string | null {
  const [kept, ...others] = wishes;
  // A chat's own model is not exchanged silently, even where it is gone.
  if (kept !== null && kept !== undefined) return models.find(({ aliases }) => aliases.includes(kept))?.id ?? kept;
  for (const wish of others) {
    const found = models.find(({ id, aliases }) => wish !== null && (id === wish || aliases.includes(wish)));
    if (found !== undefined) return found.id;
  }
  return models.find(({ instance }) => instance?.state === 'ready')?.id ?? models[0]?.id ?? null;
}
