import { expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FACTS_FORMAT } from '../../src/models/facts-cache.ts';
import { readModelFacts } from '../../src/models/gguf-file.ts';
import { temporaryFolder } from '../fixtures/drover.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';

// Remembered facts of an older shape would lack fields, and figures made from them would be no numbers.
test('a change of the facts’ shape raises their format', () => {
  using folder = temporaryFolder('facts-format');
  const path = join(folder.path, 'a.gguf');
  writeFileSync(path, tinyLlama());
  const facts = readModelFacts(path);
  const shape = [...Object.keys(facts), ...Object.keys(facts.layers[0] ?? {}).map((name) => `layer.${name}`)].sort();
  expect({ format: FACTS_FORMAT, shape: Bun.hash(shape.join(' ')).toString(16) }).toEqual({
    format: 3,
    shape: '1f4d11149fbd5b30',
  });
});
