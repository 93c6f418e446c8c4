// The label of a quantization: from `general.file_type` (llama.cpp's `enum llama_ftype`), else from what the tensors are.
// It must never invent a mixture's name (`_M`, `_S`) that the tensors alone cannot tell.
import { tensorTypeOf } from './tensor-types.ts';

/** By number, in the words that llama-quantize takes (but `MXFP4` for its `MXFP4_MOE`). Source: `enum llama_ftype` in llama.h (build 11669). */
const FILE_TYPES: ReadonlyMap<number, string> = new Map([
  [0, 'F32'],
  [1, 'F16'],
  [2, 'Q4_0'],
  [3, 'Q4_1'],
  [4, 'Q4_1_SOME_F16'],
  [5, 'Q4_2'],
  [6, 'Q4_3'],
  [7, 'Q8_0'],
  [8, 'Q5_0'],
  [9, 'Q5_1'],
  [10, 'Q2_K'],
  [11, 'Q3_K_S'],
  [12, 'Q3_K_M'],
  [13, 'Q3_K_L'],
  [14, 'Q4_K_S'],
  [15, 'Q4_K_M'],
  [16, 'Q5_K_S'],
  [17, 'Q5_K_M'],
  [18, 'Q6_K'],
  [19, 'IQ2_XXS'],
  [20, 'IQ2_XS'],
  [21, 'Q2_K_S'],
  [22, 'IQ3_XS'],
  [23, 'IQ3_XXS'],
  [24, 'IQ1_S'],
  [25, 'IQ4_NL'],
  [26, 'IQ3_S'],
  [27, 'IQ3_M'],
  [28, 'IQ2_S'],
  [29, 'IQ2_M'],
  [30, 'IQ4_XS'],
  [31, 'IQ1_M'],
  [32, 'BF16'],
  [33, 'Q4_0_4_4'],
  [34, 'Q4_0_4_8'],
  [35, 'Q4_0_8_8'],
  [36, 'TQ1_0'],
  [37, 'TQ2_0'],
  [38, 'MXFP4'],
  [39, 'NVFP4'],
  [40, 'Q1_0'],
  [41, 'Q2_0'],
]);

/** Set by llama.cpp in the number where it guessed the type itself. */
const GUESSED = 1024;

/** The label of a `general.file_type`; null where the number is unknown or only guessed by the writer. */
export function fileTypeLabel(number: number): string | null {
  if ((number & GUESSED) !== 0) return null;
  return FILE_TYPES.get(number) ?? null;
}

export interface TypedTensor {
  readonly name: string;
  readonly typeNumber: number;
  readonly typeName: string;
  readonly dimensions: readonly number[];
  readonly bytes: number;
}

/**
 * What most of the weights are: the tensor type with the most bytes among matrices (norms and biases stay F32 in every
 * mixture), embedding and output apart where there is anything else. `F32` for a file without tensors.
 */
export function deriveQuantization(tensors: readonly TypedTensor[]): string {
  const count = (isWanted: (tensor: TypedTensor) => boolean): string | null => {
    const bytesByName = new Map<string, number>();
    for (const tensor of tensors) {
      if (!isWanted(tensor)) continue;
      bytesByName.set(tensor.typeName, (bytesByName.get(tensor.typeName) ?? 0) + tensor.bytes);
    }
    let best: string | null = null;
    for (const [name, bytes] of bytesByName) if (best === null || bytes > (bytesByName.get(best) ?? 0)) best = name;
    return best;
  };
  const isMatrix = (tensor: TypedTensor): boolean => tensor.dimensions.length > 1;
  const isTable = (tensor: TypedTensor): boolean => /^(token_embd|output|per_layer_token_embd)\./.test(tensor.name);
  return (
    count((tensor) => isMatrix(tensor) && !isTable(tensor) && !isPlainInteger(tensor.typeNumber)) ??
    count(isMatrix) ??
    count(() => true) ??
    'F32'
  );
}

const isPlainInteger = (number: number): boolean => /^I(8|16|32|64)$/.test(tensorTypeOf(number)?.name ?? '');
