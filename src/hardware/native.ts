// Opens a native library by bun:ffi, with whatever of the wanted functions it has. It must never throw on a missing
// or foreign library: drivers come in many states, and each is an answer.
import { CString, dlopen, type FFIFunction } from 'bun:ffi';
import { existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';

export type NativeType = 'void' | 'i32' | 'u32' | 'u64' | 'ptr';
export type NativeValue = number | bigint | NodeJS.TypedArray | null;

export interface NativeSignature {
  readonly args: readonly NativeType[];
  readonly returns: NativeType;
}
export type NativeSignatures = Readonly<Record<string, NativeSignature>>;

export interface NativeLibrary {
  readonly path: string;
  has(name: string): boolean;
  /** Calls a function; null when the library lacks it, and for a function that returns nothing. */
  call(name: string, ...args: readonly NativeValue[]): number | bigint | null;
  /** The C string that a function returns. */
  text(name: string, ...args: readonly NativeValue[]): string | null;
  close(): void;
}

/** A library, or why none: `failures` is empty where none of the candidates exists. */
export interface OpenedLibrary {
  readonly library: NativeLibrary | null;
  readonly failures: readonly string[];
}

type Callable = (...args: readonly NativeValue[]) => unknown;
interface Opened {
  readonly functions: Map<string, Callable>;
  close(): void;
}

/** Opens the first of `candidates` (absolute paths, or names for the system's own search) that loads. */
export function openNativeLibrary(candidates: readonly string[], signatures: NativeSignatures): OpenedLibrary {
  const failures: string[] = [];
  for (const path of candidates) {
    if (isAbsolute(path) && !existsSync(path)) continue;
    const opened = openAll(path, signatures) ?? openOneByOne(path, signatures);
    if (!('reason' in opened)) return { library: new Library(path, opened), failures: [] };
    // A bare name that the loader does not know is no failure; a file that is there and does not load is one.
    if (isAbsolute(path) || !/no such file|not found|cannot find|could not be found|\b126\b/i.test(opened.reason)) {
      failures.push(`${path}: ${opened.reason}`);
    }
  }
  return { library: null, failures };
}

class Library implements NativeLibrary {
  readonly path: string;
  readonly #opened: Opened;

  constructor(path: string, opened: Opened) {
    this.path = path;
    this.#opened = opened;
  }

  has(name: string): boolean {
    return this.#opened.functions.has(name);
  }

  call(name: string, ...args: readonly NativeValue[]): number | bigint | null {
    const result = this.#opened.functions.get(name)?.(...args);
    return typeof result === 'number' || typeof result === 'bigint' ? result : null;
  }

  text(name: string, ...args: readonly NativeValue[]): string | null {
    const address = this.call(name, ...args);
    if (address === null || Number(address) === 0) return null;
    return textAt(Number(address));
  }

  close(): void {
    this.#opened.close();
  }
}

/** The C string at an address. */
export const textAt = (address: number): string =>
  new CString(address as unknown as ConstructorParameters<typeof CString>[0]).toString();

function openAll(path: string, signatures: NativeSignatures): Opened | null {
  try {
    const { symbols, close } = dlopen(path, asFunctions(signatures));
    return { functions: new Map(Object.entries(symbols as unknown as Record<string, Callable>)), close };
  } catch {
    return null;
  }
}

// dlopen of bun:ffi refuses a library that lacks one of the functions, without saying which: ask for each alone.
function openOneByOne(path: string, signatures: NativeSignatures): Opened | { readonly reason: string } {
  const functions = new Map<string, Callable>();
  const closers: (() => void)[] = [];
  let reason = 'it has none of the functions that are needed';
  for (const [name, signature] of Object.entries(signatures)) {
    try {
      const { symbols, close } = dlopen(path, asFunctions({ [name]: signature }));
      closers.push(close);
      for (const [key, value] of Object.entries(symbols as unknown as Record<string, Callable>))
        functions.set(key, value);
    } catch (thrown) {
      reason = thrown instanceof Error ? thrown.message : String(thrown);
    }
  }
  if (functions.size === 0) return { reason };
  return { functions, close: () => closers.forEach((close) => void close()) };
}

const asFunctions = (signatures: NativeSignatures): Record<string, FFIFunction> =>
  Object.fromEntries(
    Object.entries(signatures).map(([name, { args, returns }]) => [name, { args: [...args], returns }]),
  );
