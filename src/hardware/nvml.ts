// NVIDIA's management library by bun:ffi. It must never keep the library initialised longer than asked: an open
// handle keeps a GPU awake. Signatures, structures and codes: NVML API reference, nvml.h.
import type { NativeLibrary, NativeSignatures, NativeValue } from './native.ts';
import type { System } from './system.ts';

const LINUX_PLACES = [
  'libnvidia-ml.so.1',
  '/usr/lib/wsl/lib/libnvidia-ml.so.1',
  '/usr/local/nvidia/lib64/libnvidia-ml.so.1',
  '/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1',
  '/usr/lib/aarch64-linux-gnu/libnvidia-ml.so.1',
  '/usr/lib64/libnvidia-ml.so.1',
  '/usr/lib/libnvidia-ml.so.1',
  '/run/opengl-driver/lib/libnvidia-ml.so.1',
];
const WINDOWS_PLACES = ['C:\\Windows\\System32\\nvml.dll', 'C:\\Program Files\\NVIDIA Corporation\\NVSMI\\nvml.dll'];

const SIGNATURES: NativeSignatures = {
  nvmlInit_v2: { args: [], returns: 'i32' },
  nvmlShutdown: { args: [], returns: 'i32' },
  nvmlSystemGetDriverVersion: { args: ['ptr', 'u32'], returns: 'i32' },
  nvmlSystemGetCudaDriverVersion_v2: { args: ['ptr'], returns: 'i32' },
  nvmlDeviceGetCount_v2: { args: ['ptr'], returns: 'i32' },
  nvmlDeviceGetHandleByIndex_v2: { args: ['u32', 'ptr'], returns: 'i32' },
  nvmlDeviceGetName: { args: ['u64', 'ptr', 'u32'], returns: 'i32' },
  nvmlDeviceGetUUID: { args: ['u64', 'ptr', 'u32'], returns: 'i32' },
  nvmlDeviceGetMemoryInfo: { args: ['u64', 'ptr'], returns: 'i32' },
  nvmlDeviceGetCudaComputeCapability: { args: ['u64', 'ptr', 'ptr'], returns: 'i32' },
  nvmlDeviceGetPciInfo_v3: { args: ['u64', 'ptr'], returns: 'i32' },
  nvmlDeviceGetUtilizationRates: { args: ['u64', 'ptr'], returns: 'i32' },
  nvmlDeviceGetTemperature: { args: ['u64', 'u32', 'ptr'], returns: 'i32' },
  nvmlDeviceGetPowerUsage: { args: ['u64', 'ptr'], returns: 'i32' },
  nvmlDeviceGetComputeRunningProcesses_v3: { args: ['u64', 'ptr', 'ptr'], returns: 'i32' },
  nvmlDeviceGetGraphicsRunningProcesses_v3: { args: ['u64', 'ptr', 'ptr'], returns: 'i32' },
};
const NEEDED = ['nvmlInit_v2', 'nvmlShutdown', 'nvmlDeviceGetCount_v2', 'nvmlDeviceGetHandleByIndex_v2'];

// More on one GPU is an error of ours to skip, not to size a buffer for.
const MAX_PROCESSES = 256;
const NOT_AVAILABLE = 2n ** 64n - 1n;

const UNINITIALISED = 1;
const NOT_SUPPORTED = 3;
const FUNCTION_NOT_FOUND = 13;
const CODES: Readonly<Record<number, string>> = {
  1: 'it is not initialised',
  3: 'not supported',
  4: 'no permission: the device files /dev/nvidia* are not open to this user',
  6: 'not found',
  9: 'its kernel module is not loaded; restart, or load it with "modprobe nvidia"',
  12: 'a library of the driver is missing; install the driver again',
  13: 'the driver lacks a function; it is too old',
  15: 'the GPU fell off the bus or cannot be reached; restart the machine',
  17: 'the operating system refused',
  18: 'Driver/library version mismatch: the driver was updated under a running kernel module; restart the machine',
  999: 'unknown error',
};

/** What a return code means, with the next step where there is one. */
export const nvmlReason = (code: number): string => CODES[code] ?? `NVML error ${code}`;

export interface NvmlDevice {
  readonly index: number;
  readonly name: string | null;
  readonly uuid: string | null;
  readonly totalBytes: number | null;
  /** `total - used`; what the driver keeps for itself counts as used. */
  readonly freeBytes: number | null;
  /** NVML says "not supported" for memory where the GPU has none of its own. */
  readonly hasOwnMemory: boolean | null;
  readonly computeCapability: string | null;
  readonly pciAddress: string | null;
}

export interface NvmlUse {
  readonly index: number;
  readonly pciAddress: string | null;
  /** 0–1 of the last sample period in which a kernel ran. */
  readonly busyRatio: number | null;
  readonly totalBytes: number | null;
  readonly freeBytes: number | null;
  readonly temperatureC: number | null;
  readonly powerWatts: number | null;
}

/** `initialised` with a session, `absent`, or `failed` and why. `isDriverAtFault`: its other tools will say the same. */
export type NvmlOpening =
  | { readonly outcome: 'initialised'; readonly session: NvmlSession }
  | { readonly outcome: 'absent' }
  | { readonly outcome: 'failed'; readonly reason: string; readonly isDriverAtFault: boolean };

export function openNvml(system: System): NvmlOpening {
  const candidates = system.platform === 'win32' ? WINDOWS_PLACES : LINUX_PLACES;
  const { library, failures } = system.openLibrary(candidates, SIGNATURES);
  if (library === null) {
    if (failures.length === 0) return { outcome: 'absent' };
    return { outcome: 'failed', reason: `cannot be loaded (${failures[0]})`, isDriverAtFault: false };
  }
  const missing = NEEDED.filter((name) => !library.has(name));
  if (missing.length > 0) {
    library.close();
    return { outcome: 'failed', reason: `${library.path} lacks ${missing.join(', ')}`, isDriverAtFault: false };
  }
  const code = Number(library.call('nvmlInit_v2'));
  if (code !== 0) {
    library.close();
    return { outcome: 'failed', reason: nvmlReason(code), isDriverAtFault: true };
  }
  return { outcome: 'initialised', session: new NvmlSession(library) };
}

export class NvmlSession implements Disposable {
  readonly #library: NativeLibrary;
  #isClosed = false;

  constructor(library: NativeLibrary) {
    this.#library = library;
  }

  get driverVersion(): string | null {
    return this.#text('nvmlSystemGetDriverVersion', 96);
  }

  /** Highest CUDA version that the driver runs, such as `13.0`. */
  get cudaVersion(): string | null {
    const version = new Int32Array(1);
    if (!this.#isGood('nvmlSystemGetCudaDriverVersion_v2', version)) return null;
    const value = version[0] ?? 0;
    return value === 0 ? null : `${Math.floor(value / 1000)}.${Math.floor((value % 1000) / 10)}`;
  }

  /** Every device, in NVML's order (by PCI address); one that does not answer is a note. */
  devices(): { readonly devices: readonly NvmlDevice[]; readonly notes: readonly string[] } {
    const count = new Uint32Array(1);
    const code = this.#code('nvmlDeviceGetCount_v2', count);
    if (code !== 0) return { devices: [], notes: [`NVIDIA’s driver cannot count its GPUs: ${nvmlReason(code)}.`] };
    const devices: NvmlDevice[] = [];
    const notes: string[] = [];
    // A broken library may return any count; no machine has more.
    for (let index = 0; index < Math.min(count[0] ?? 0, 256); index += 1) {
      const handle = this.#handle(index);
      if (typeof handle === 'bigint') devices.push(this.#device(index, handle));
      else notes.push(`NVIDIA GPU ${index} does not answer: ${nvmlReason(handle.code)}.`);
    }
    return { devices, notes };
  }

  use(index: number): NvmlUse | null {
    const handle = this.#handle(index);
    if (typeof handle !== 'bigint') return null;
    const rates = new Uint32Array(2);
    const memory = this.#memory(handle);
    return {
      index,
      pciAddress: this.#pciAddress(handle),
      busyRatio: this.#isGood('nvmlDeviceGetUtilizationRates', handle, rates) ? (rates[0] ?? 0) / 100 : null,
      totalBytes: memory.totalBytes,
      freeBytes: memory.freeBytes,
      temperatureC: this.#temperature(handle),
      powerWatts: this.#power(handle),
    };
  }

  /** Bytes by pid, of CUDA (compute) and Vulkan (graphics) alike; null where the driver does not tell. */
  processBytes(index: number): ReadonlyMap<number, number> | null {
    const handle = this.#handle(index);
    if (typeof handle !== 'bigint') return null;
    const lists = [
      this.#processes('nvmlDeviceGetComputeRunningProcesses_v3', handle),
      this.#processes('nvmlDeviceGetGraphicsRunningProcesses_v3', handle),
    ].filter((list) => list !== null);
    if (lists.length === 0) return null;
    const bytes = new Map<number, number>();
    // A process that does both is in both lists, with the same figure.
    for (const [pid, used] of lists.flat()) bytes.set(pid, Math.max(used, bytes.get(pid) ?? 0));
    return bytes;
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#library.call('nvmlShutdown');
    this.#library.close();
  }

  #device(index: number, handle: bigint): NvmlDevice {
    const [major, minor] = [new Int32Array(1), new Int32Array(1)];
    const hasCapability = this.#isGood('nvmlDeviceGetCudaComputeCapability', handle, major, minor);
    return {
      index,
      name: this.#text('nvmlDeviceGetName', 96, handle),
      uuid: this.#text('nvmlDeviceGetUUID', 96, handle),
      ...this.#memory(handle),
      computeCapability: hasCapability && (major[0] ?? 0) > 0 ? `${major[0]}.${minor[0]}` : null,
      pciAddress: this.#pciAddress(handle),
    };
  }

  #handle(index: number): bigint | { readonly code: number } {
    const handle = new BigUint64Array(1);
    const code = this.#code('nvmlDeviceGetHandleByIndex_v2', index, handle);
    return code === 0 ? (handle[0] ?? 0n) : { code };
  }

  // nvmlMemory_t: total, free, used. Its `free` equals that of nvmlMemory_v2_t, which only shows the reserve apart.
  #memory(handle: bigint): Pick<NvmlDevice, 'totalBytes' | 'freeBytes' | 'hasOwnMemory'> {
    const memory = new BigUint64Array(3);
    const code = this.#code('nvmlDeviceGetMemoryInfo', handle, memory);
    const total = Number(memory[0] ?? 0n);
    if (code === 0 && total > 0) return { totalBytes: total, freeBytes: Number(memory[1] ?? 0n), hasOwnMemory: true };
    return { totalBytes: null, freeBytes: null, hasOwnMemory: code === NOT_SUPPORTED || code === 0 ? false : null };
  }

  // nvmlPciInfo_t: busIdLegacy[16], domain, bus, device, pciDeviceId, pciSubSystemId, busId[32].
  #pciAddress(handle: bigint): string | null {
    const info = new Uint8Array(68);
    if (!this.#isGood('nvmlDeviceGetPciInfo_v3', handle, info)) return null;
    return shortPciAddress(stringOf(info.subarray(36)) || stringOf(info.subarray(0, 16)));
  }

  #temperature(handle: bigint): number | null {
    const degrees = new Uint32Array(1);
    const NVML_TEMPERATURE_GPU = 0;
    return this.#isGood('nvmlDeviceGetTemperature', handle, NVML_TEMPERATURE_GPU, degrees)
      ? (degrees[0] ?? null)
      : null;
  }

  /** In milliwatts, of the whole board. */
  #power(handle: bigint): number | null {
    const milliwatts = new Uint32Array(1);
    return this.#isGood('nvmlDeviceGetPowerUsage', handle, milliwatts) ? (milliwatts[0] ?? 0) / 1000 : null;
  }

  // nvmlProcessInfo_t, 24 bytes: pid, padding, usedGpuMemory, gpuInstanceId, computeInstanceId.
  #processes(name: string, handle: bigint): [pid: number, bytes: number][] | null {
    const count = new Uint32Array([MAX_PROCESSES]);
    const infos = new DataView(new ArrayBuffer(24 * MAX_PROCESSES));
    if (!this.#isGood(name, handle, count, new Uint8Array(infos.buffer))) return null;
    const told: [number, number][] = [];
    for (let at = 0; at < Math.min(count[0] ?? 0, MAX_PROCESSES); at += 1) {
      const bytes = infos.getBigUint64(at * 24 + 8, true);
      // All bits set: Windows manages the memory there, and NVIDIA's driver does not know.
      if (bytes !== NOT_AVAILABLE) told.push([infos.getUint32(at * 24, true), Number(bytes)]);
    }
    return told;
  }

  #text(name: string, size: number, handle?: bigint): string | null {
    const buffer = new Uint8Array(size);
    const isGood =
      handle === undefined ? this.#isGood(name, buffer, size - 1) : this.#isGood(name, handle, buffer, size - 1);
    return isGood ? stringOf(buffer).trim() || null : null;
  }

  #isGood(name: string, ...args: NativeValue[]): boolean {
    return this.#code(name, ...args) === 0;
  }

  #code(name: string, ...args: NativeValue[]): number {
    // A call into a library that was closed would end the process.
    if (this.#isClosed) return UNINITIALISED;
    const code = this.#library.call(name, ...args);
    return code === null ? FUNCTION_NOT_FOUND : Number(code);
  }
}

function stringOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end === -1 ? bytes : bytes.subarray(0, end));
}

/** `00000000:01:00.0` as NVIDIA prints it → `0000:01:00.0`, lower case; null when it is no address. */
export function shortPciAddress(text: string): string | null {
  const match = /^([0-9a-f]{4,8}):([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])$/i.exec(text.trim());
  return match === null ? null : `${match[1]?.slice(-4)}:${match[2]}`.toLowerCase();
}
