// What is wrong with a value, in words for people: where it is, what was expected there and what stands there. Pure.
import type { TSchema } from '@sinclair/typebox';
import { Value, type ValueError } from '@sinclair/typebox/value';

export interface WrongValue {
  /** Names and indices from the outside to the inside; empty: the value itself. */
  readonly path: readonly string[];
  /** `expected integer from 0 to 100, found "5"`. */
  readonly message: string;
  /** True where there is nothing at all. */
  readonly isMissing: boolean;
}

/** The first thing that is wrong; null where nothing is. */
export function wrongValue(schema: TSchema, value: unknown): WrongValue | null {
  // Looking for errors takes twenty times as long as seeing that there is none.
  const first = Value.Check(schema, value) ? undefined : Value.Errors(schema, value).First();
  if (first === undefined) return null;
  const error = innermost(first);
  const path = error.path
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  return {
    path,
    message: `${expectation(error)}, found ${describe(error.value)}`,
    isMissing: error.value === undefined,
  };
}

/** Of a value that fits none of several shapes: what is wrong inside the one that it comes closest to. */
function innermost(error: ValueError): ValueError {
  for (const shape of error.errors) {
    const inner = shape.First();
    if (inner !== undefined && inner.path.length > error.path.length) return innermost(inner);
  }
  return error;
}

interface Described {
  readonly anyOf?: readonly { readonly const?: unknown; readonly type?: string }[];
  readonly type?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly pattern?: string;
}

function expectation(error: ValueError): string {
  const { anyOf, type, minimum, maximum, maxLength, maxItems, pattern } = error.schema as Described;
  if (anyOf !== undefined) {
    const choices = anyOf.map((choice) =>
      choice.const === undefined ? (choice.type ?? 'value') : String(choice.const),
    );
    return `expected ${choices.length > 1 ? 'one of ' : ''}${choices.join(', ')}`;
  }
  if (minimum !== undefined && maximum !== undefined)
    return `expected ${type ?? 'number'} from ${minimum} to ${maximum}`;
  if (pattern === '^[^=]+=') return 'expected NAME=VALUE';
  if (typeof error.value === 'string' && maxLength !== undefined && error.value.length > maxLength) {
    return `expected ${maxLength} characters at most`;
  }
  if (Array.isArray(error.value) && maxItems !== undefined) return `expected ${maxItems} entries at most`;
  if (type === undefined || typeof error.value === type) return error.message.toLowerCase();
  return `expected ${type}`;
}

const describe = (value: unknown): string => {
  if (value === undefined) return 'nothing';
  const shown = JSON.stringify(value);
  return shown.length > 60 ? `${shown.slice(0, 57)}…` : shown;
};
