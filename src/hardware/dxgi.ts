// Windows' list of display adapters by DXGI, through its COM tables. It must never leave an interface unreleased, nor
// call past the end of a table: an interface that does not answer to its IID is not called.
// Layouts and slots: dxgi.h, dxgi1_4.h.
import { CFunction, type Pointer, read } from 'bun:ffi';
import type { NativeType, NativeValue } from './native.ts';
import type { System } from './system.ts';

export interface DxgiAdapter {
  readonly name: string;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly dedicatedBytes: number;
  readonly sharedBytes: number;
  /** What Windows would let this process take now; null where it does not say. */
  readonly freeBytes: number | null;
  readonly isUnified: boolean | null;
  /** Four numbers, such as `32.0.15.8142`. */
  readonly driverVersion: string | null;
}

const IID_FACTORY1 = guid('770aae78-f26f-4dba-a829-253c83d1b387');
const IID_ADAPTER3 = guid('645967a4-1392-4310-a798-8053ce3e93fd');
const IID_DEVICE = guid('54ec77fa-1377-44e6-8c32-88fd5f44c84c');
// Slots: IUnknown 0–2, IDXGIObject 3–6, then each interface's own.
const QUERY_INTERFACE = 0;
const RELEASE = 2;
const CHECK_INTERFACE_SUPPORT = 9;
const GET_DESC1 = 10;
const ENUM_ADAPTERS1 = 12;
const QUERY_VIDEO_MEMORY_INFO = 14;
const IS_SOFTWARE = 2;
const MICROSOFT = 0x1414;
const MAX_ADAPTERS = 64;

/** Adapters in DXGI's order without software ones, or null when DXGI cannot be asked. */
export function listDxgiAdapters(system: System): DxgiAdapter[] | null {
  const { library } = system.openLibrary(['dxgi.dll'], {
    CreateDXGIFactory1: { args: ['ptr', 'ptr'], returns: 'i32' },
  });
  if (library === null) return null;
  const out = new BigUint64Array(1);
  if (library.call('CreateDXGIFactory1', IID_FACTORY1, out) !== 0) return null;
  const factory = new Interface(out[0] ?? 0n);
  try {
    const adapters: DxgiAdapter[] = [];
    for (let index = 0; index < MAX_ADAPTERS; index += 1) {
      if (
        factory.call(ENUM_ADAPTERS1, [
          ['u32', index],
          ['ptr', out],
        ]) !== 0
      )
        break;
      const adapter = new Interface(out[0] ?? 0n);
      try {
        const facts = describe(adapter);
        if (facts !== null) adapters.push(facts);
      } finally {
        adapter.call(RELEASE, []);
      }
    }
    return adapters;
  } finally {
    factory.call(RELEASE, []);
  }
}

function describe(adapter: Interface): DxgiAdapter | null {
  // DXGI_ADAPTER_DESC1: WCHAR[128], four UINTs, three SIZE_Ts, a LUID, UINT flags; 312 bytes.
  const desc = new Uint8Array(312);
  if (adapter.call(GET_DESC1, [['ptr', desc]]) !== 0) return null;
  const view = new DataView(desc.buffer);
  const vendorId = view.getUint32(256, true);
  if ((view.getUint32(304, true) & IS_SOFTWARE) !== 0 || vendorId === MICROSOFT) return null;
  const dedicatedBytes = Number(view.getBigUint64(272, true));
  const sharedBytes = Number(view.getBigUint64(288, true));
  // Under 1 GiB of its own beside shared memory: integrated. NVIDIA makes none of that kind; AMD's APUs may be set to
  // gigabytes, and then only the engine knows.
  const isUnified = vendorId === 0x10de ? false : dedicatedBytes < 2 ** 30 ? true : vendorId === 0x1002 ? null : false;
  return {
    name: new TextDecoder('utf-16le').decode(desc.subarray(0, 256)).replace(/\0.*$/s, '').trim(),
    vendorId,
    deviceId: view.getUint32(260, true),
    dedicatedBytes,
    sharedBytes,
    freeBytes: freeOf(adapter),
    isUnified,
    driverVersion: driverOf(adapter),
  };
}

// DXGI_QUERY_VIDEO_MEMORY_INFO: budget, current usage, available and current reservation. Segment group 0 is
// the local one: the card's own memory, and on unified adapters all there is.
function freeOf(adapter: Interface): number | null {
  const out = new BigUint64Array(1);
  if (
    adapter.call(QUERY_INTERFACE, [
      ['ptr', IID_ADAPTER3],
      ['ptr', out],
    ]) !== 0
  )
    return null;
  const adapter3 = new Interface(out[0] ?? 0n);
  try {
    const info = new BigUint64Array(4);
    const code = adapter3.call(QUERY_VIDEO_MEMORY_INFO, [
      ['u32', 0],
      ['u32', 0],
      ['ptr', info],
    ]);
    return code === 0 ? Math.max(0, Number((info[0] ?? 0n) - (info[1] ?? 0n))) : null;
  } finally {
    adapter3.call(RELEASE, []);
  }
}

function driverOf(adapter: Interface): string | null {
  const version = new BigUint64Array(1);
  if (
    adapter.call(CHECK_INTERFACE_SUPPORT, [
      ['ptr', IID_DEVICE],
      ['ptr', version],
    ]) !== 0
  )
    return null;
  const bits = version[0] ?? 0n;
  return [48n, 32n, 16n, 0n].map((shift) => (bits >> shift) & 0xffffn).join('.');
}

/** A COM object: its first word points to a table of functions, each of which takes the object first. */
class Interface {
  readonly #address: bigint;

  constructor(address: bigint) {
    this.#address = address;
  }

  call(slot: number, args: readonly (readonly [NativeType, NativeValue])[]): number {
    const table = read.ptr(pointerOf(this.#address));
    const target = read.ptr(pointerOf(BigInt(table)), slot * 8);
    const method = CFunction({
      ptr: pointerOf(BigInt(target)),
      args: ['u64', ...args.map(([type]) => type)],
      returns: 'i32',
    });
    try {
      return Number(method(this.#address, ...args.map(([, value]) => value)));
    } finally {
      method.close();
    }
  }
}

const pointerOf = (address: bigint): Pointer => Number(address) as Pointer;

// The first three groups are little endian in memory.
function guid(text: string): Uint8Array {
  const bytes =
    text
      .replaceAll('-', '')
      .match(/../g)
      ?.map((pair) => Number.parseInt(pair, 16)) ?? [];
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  return Uint8Array.from(order, (at) => bytes[at] ?? 0);
}
