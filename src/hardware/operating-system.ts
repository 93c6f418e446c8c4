// Which system this is: its name, its kernel and its C library, which decides what builds of the engine can start.
// It must never guess a C library: the one that answers is the one that is there.
import type { Snapshot } from './probe.ts';
import { readSysctl } from './sysctl.ts';
import type { Reading, System } from './system.ts';

export async function readOperatingSystem(system: System): Promise<Reading<Snapshot['system']>> {
  const { platform, arch, kernel } = system;
  if (platform === 'linux') {
    const [name, libc] = await Promise.all([readLinuxName(system), readLibc(system)]);
    const notes = libc === null ? ['The C library of this system could not be told.'] : [];
    return { value: { platform, arch, kernel, name, libc }, notes };
  }
  const name = platform === 'darwin' ? await readDarwinName(system) : platform === 'win32' ? 'Windows' : null;
  return { value: { platform, arch, kernel, name, libc: null }, notes: [] };
}

/** True inside the Windows Subsystem for Linux: its GPUs are reached through Windows' driver only. */
export const isWsl = (kernel: string | null): boolean => /microsoft/i.test(kernel ?? '');

const readLinuxName = async (system: System): Promise<string | null> =>
  (await readReleaseFields(system)).get('PRETTY_NAME') ?? null;

/** os-release(5): `NAME`, `VERSION_ID`, `PRETTY_NAME`, …; empty where there is none. */
export async function readReleaseFields(system: System): Promise<ReadonlyMap<string, string>> {
  const text = (await system.readText('/etc/os-release')) ?? (await system.readText('/usr/lib/os-release')) ?? '';
  return new Map([...text.matchAll(/^(\w+)=["']?(.*?)["']?$/gm)].map(([, key = '', value = '']) => [key, value]));
}

async function readDarwinName(system: System): Promise<string> {
  const version = (await readSysctl(system, ['kern.osproductversion'])).get('kern.osproductversion');
  return version === undefined ? 'macOS' : `macOS ${version}`;
}

/** `glibc 2.36`, `musl`, or null. */
export async function readLibc(system: System): Promise<string | null> {
  // glibc tells its version itself (gnu/libc-version.h); musl has no such function, and no libc.so.6.
  const { library } = system.openLibrary(['libc.so.6'], { gnu_get_libc_version: { args: [], returns: 'ptr' } });
  const version = library?.text('gnu_get_libc_version') ?? null;
  library?.close();
  if (version !== null) return `glibc ${version}`;
  return (await system.listFolder('/lib')).some((name) => /^ld-musl-.*\.so\.1$/.test(name)) ? 'musl' : null;
}
