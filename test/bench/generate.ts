// What it takes to make a configuration: 500 models in a tracked folder, by ClaraCore's route on the compiled executable.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startDrover, temporaryFolder } from '../fixtures/drover.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';
import { type Figure, median } from './measure.ts';

const MODELS = 500;
const ROUNDS = 3;

export async function benchGenerate(): Promise<readonly Figure[]> {
  using models = temporaryFolder('bench-generate');
  for (let index = 0; index < MODELS; index += 1) {
    const folder = join(models.path, `family ${index % 20}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `model-${index}-q8_0.gguf`), tinyLlama({ name: `Model ${index}`, blockCount: 1 }));
  }
  const first: number[] = [];
  const again: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await using drover = await startDrover();
    await drover.waitForLine(/engine ready/);
    await drover.json('/api/config/folders', { folderPaths: [models.path] });
    const made = async (preferredContext: number): Promise<number> => {
      const at = performance.now();
      const { totalModels } = await drover.json<{ readonly totalModels: number }>('/api/config/regenerate-from-db', {
        options: { preferredContext },
      });
      if (totalModels !== MODELS) throw new Error(`${totalModels} models instead of ${MODELS}`);
      return performance.now() - at;
    };
    first.push(await made(1024));
    again.push(await made(2048));
  }
  return [
    { name: `regenerate-from-db, ${MODELS} new models`, value: median(first) / 1000, unit: 's', target: 2 },
    { name: `the same again, every entry changed`, value: median(again) / 1000, unit: 's', target: 2 },
  ];
}
