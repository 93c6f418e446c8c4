import { expect, test } from 'bun:test';
import { openStore } from '../../src/base/store.ts';
import {
  CORRECTION_MIGRATIONS,
  type CorrectionKey,
  Corrections,
  measuredCorrection,
} from '../../src/core/corrections.ts';
import type { Correction, DeviceTake } from '../../src/core/placement.ts';
import type { BufferBytes } from '../../src/engine/verdict.ts';

const MIB = 1024 * 1024;
const KEY: CorrectionKey = {
  file: { path: '/models/a.gguf', sizeBytes: 1000, modifiedAt: 5 },
  buildId: 'b11541-cuda',
  devices: ['CUDA0', 'CUDA1'],
};

const take = (device: string, weight: number, kv: number, compute: number): DeviceTake => ({
  device,
  weightBytes: weight * MIB,
  kvBytes: kv * MIB,
  computeBytes: compute * MIB,
  overheadBytes: 10 * MIB,
  totalBytes: (weight + kv + compute + 10) * MIB,
});
const took = (model: number, kv: number, compute: number, mapped = 0): BufferBytes => ({
  modelBytes: model * MIB,
  mappedBytes: mapped * MIB,
  kvBytes: kv * MIB,
  computeBytes: compute * MIB,
  outputBytes: 0,
});

/** What a prediction would be with a correction applied, as placement does it. */
function applied(prediction: DeviceTake, correction: Correction | null): number {
  const known = correction?.devices.find((entry) => entry.device === prediction.device);
  return (
    prediction.weightBytes * (known?.weightRatio ?? 1) +
    prediction.kvBytes * (known?.kvRatio ?? 1) +
    prediction.computeBytes * (known?.computeRatio ?? 1) +
    (known?.extraBytes ?? 0)
  );
}

test('more than predicted is reckoned with in full, less by half', () => {
  using store = openStore(':memory:', CORRECTION_MIGRATIONS);
  const corrections = new Corrections(store);
  expect(corrections.of(KEY)).toBeNull();
  corrections.learn(KEY, [take('CUDA0', 1000, 200, 100)], { buffers: { CUDA0: took(1000, 200, 150) } });
  const [first] = corrections.of(KEY)?.devices ?? [];
  expect(first?.computeRatio).toBeCloseTo(1.5, 3);
  expect(first?.weightRatio).toBeCloseTo(1, 3);
  expect(first?.extraBytes).toBe(0);
  const [less] = measuredCorrection([take('CUDA0', 1000, 200, 100)], { buffers: { CUDA0: took(1000, 200, 50) } }, null);
  expect(less?.computeRatio).toBeCloseTo(0.75, 3);
});

test('a corrected prediction never lies below what was measured, however wrong it was', () => {
  for (const measured of [0, 0.3, 3, 50, 100, 300, 900, 2000]) {
    for (const predicted of [0, 0.5, 10, 100, 1000]) {
      const prediction = take('CUDA0', predicted, predicted, predicted);
      const buffers = { CUDA0: took(measured, measured, measured) };
      const correction = { devices: measuredCorrection([prediction], { buffers }, null) };
      expect(applied(prediction, correction)).toBeGreaterThanOrEqual(3 * measured * MIB);
    }
  }
});

test('absurd figures are bounded', () => {
  const [absurd] = measuredCorrection(
    [take('CUDA0', 100, 100, 100)],
    { buffers: { CUDA0: took(1e6, 1e6, 1e6) } },
    null,
  );
  expect(absurd).toMatchObject({ weightRatio: 4, kvRatio: 4, computeRatio: 4, extraBytes: 8 * 1024 * MIB });
  const [none] = measuredCorrection([take('CUDA0', 100, 100, 100)], { buffers: { CUDA0: took(0, 0, 0) } }, null);
  expect(none).toMatchObject({ weightRatio: 0.5, kvRatio: 0.5, computeRatio: 0.5, extraBytes: 0 });
});

test('learning from a corrected load corrects the first prediction, not the correction', () => {
  using store = openStore(':memory:', CORRECTION_MIGRATIONS);
  const corrections = new Corrections(store);
  const buffers = { CUDA0: took(1000, 200, 150) };
  corrections.learn(KEY, [take('CUDA0', 1000, 200, 100)], { buffers });
  for (let round = 0; round < 4; round += 1) {
    corrections.learn(KEY, [take('CUDA0', 1000, 200, 150)], { buffers });
    expect(corrections.of(KEY)?.devices[0]?.computeRatio).toBeCloseTo(1.5, 2);
  }
});

test('the largest of the latest loads counts; older ones are forgotten', () => {
  using store = openStore(':memory:', CORRECTION_MIGRATIONS);
  const corrections = new Corrections(store);
  const prediction = take('CUDA0', 1000, 200, 100);
  const measure = (compute: number): void => {
    const before = corrections.of(KEY)?.devices[0]?.computeRatio ?? 1;
    corrections.learn(KEY, [{ ...prediction, computeBytes: prediction.computeBytes * before }], {
      buffers: { CUDA0: took(1000, 200, compute) },
    });
  };
  measure(300);
  measure(110);
  expect(corrections.of(KEY)?.devices[0]?.computeRatio).toBeCloseTo(3, 2);
  for (let round = 0; round < 4; round += 1) measure(110);
  expect(corrections.of(KEY)?.devices[0]?.computeRatio).toBeCloseTo(1.1, 2);
});

test('file, build and devices tell loads apart; the order of devices does not', () => {
  using store = openStore(':memory:', CORRECTION_MIGRATIONS);
  const corrections = new Corrections(store);
  corrections.learn(KEY, [take('CUDA0', 100, 10, 100)], { buffers: { CUDA0: took(100, 10, 200) } });
  expect(corrections.of({ ...KEY, devices: ['CUDA1', 'CUDA0'] })).not.toBeNull();
  expect(corrections.of({ ...KEY, devices: ['CUDA0'] })).toBeNull();
  expect(corrections.of({ ...KEY, buildId: 'other' })).toBeNull();
  expect(corrections.of({ ...KEY, file: { ...KEY.file, modifiedAt: 6 } })).toBeNull();
  corrections.forget('/models/a');
  expect(corrections.of(KEY)).not.toBeNull();
  corrections.forget('/models/a.gguf');
  expect(corrections.of(KEY)).toBeNull();
});

test('a load that said nothing teaches nothing', () => {
  using store = openStore(':memory:', CORRECTION_MIGRATIONS);
  const corrections = new Corrections(store);
  corrections.learn(KEY, [take('CUDA0', 100, 10, 100)], { buffers: {} });
  expect(corrections.of(KEY)).toBeNull();
});

test('a mapping of the file counts up to what was planned', () => {
  const [host] = measuredCorrection([take('Host', 300, 0, 50)], { buffers: { Host: took(5000, 0, 50, 5000) } }, null);
  expect(host?.weightRatio).toBeCloseTo(1, 3);
  const [packed] = measuredCorrection([take('Host', 300, 0, 50)], { buffers: { Host: took(5400, 0, 50, 5000) } }, null);
  expect(packed?.weightRatio).toBeCloseTo(400 / 300, 3);
});
