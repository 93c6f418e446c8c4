// How a model's weights are packed: how many tensors of each type, and what they take. Pure.
import type { GgufTensor } from './reader.ts';

export interface TensorMix {
  /** `Q4_K`. */
  readonly typeName: string;
  readonly tensorCount: number;
  /** Weights. */
  readonly elementCount: number;
  /** Without padding. */
  readonly bytes: number;
}

export const mixOf = (tensors: readonly GgufTensor[]): TensorMix[] =>
  summed(tensors.map(({ typeName, elementCount, bytes }) => ({ typeName, tensorCount: 1, elementCount, bytes })));

/** Over the parts of a split model. */
export const mergeMix = (mixes: readonly (readonly TensorMix[])[]): TensorMix[] => summed(mixes.flat());

function summed(mixes: readonly TensorMix[]): TensorMix[] {
  const sums = new Map<string, TensorMix>();
  for (const { typeName, tensorCount, elementCount, bytes } of mixes) {
    const sum = sums.get(typeName) ?? { typeName, tensorCount: 0, elementCount: 0, bytes: 0 };
    sums.set(typeName, {
      typeName,
      tensorCount: sum.tensorCount + tensorCount,
      elementCount: sum.elementCount + elementCount,
      bytes: sum.bytes + bytes,
    });
  }
  return [...sums.values()].sort((left, right) => right.bytes - left.bytes);
}
