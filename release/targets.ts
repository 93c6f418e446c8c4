// The systems that an executable is made for. Data only: what each is built from and how its release is packed.

export interface Target {
  readonly platform: NodeJS.Platform;
  readonly arch: 'x64' | 'arm64';
  readonly libc: 'glibc' | 'musl' | null;
  readonly bun: Bun.Build.CompileTarget;
}

// x64 ships as baseline: the others die with "Illegal instruction" on processors without AVX2.
export const TARGETS = {
  'linux-x64': { platform: 'linux', arch: 'x64', libc: 'glibc', bun: 'bun-linux-x64-baseline' },
  'linux-arm64': { platform: 'linux', arch: 'arm64', libc: 'glibc', bun: 'bun-linux-arm64' },
  'linux-x64-musl': { platform: 'linux', arch: 'x64', libc: 'musl', bun: 'bun-linux-x64-baseline-musl' },
  'linux-arm64-musl': { platform: 'linux', arch: 'arm64', libc: 'musl', bun: 'bun-linux-arm64-musl' },
  'darwin-x64': { platform: 'darwin', arch: 'x64', libc: null, bun: 'bun-darwin-x64' },
  'darwin-arm64': { platform: 'darwin', arch: 'arm64', libc: null, bun: 'bun-darwin-arm64' },
  'windows-x64': { platform: 'win32', arch: 'x64', libc: null, bun: 'bun-windows-x64-baseline' },
  'windows-arm64': { platform: 'win32', arch: 'arm64', libc: null, bun: 'bun-windows-arm64' },
} as const satisfies Readonly<Record<string, Target>>;

export type TargetName = keyof typeof TARGETS;
export const TARGET_NAMES = Object.keys(TARGETS) as readonly TargetName[];

/** Throws with the names that there are. */
export function targetNamed(name: string): TargetName {
  const found = TARGET_NAMES.find((known) => known === name);
  if (found === undefined) throw new Error(`unknown target ${name}; known: ${TARGET_NAMES.join(', ')}`);
  return found;
}

/** The executable's name there: `drover`, `drover.exe`. */
export const programName = (platform: NodeJS.Platform): string => (platform === 'win32' ? 'drover.exe' : 'drover');

/** What fits the machine that this runs on; null: none of them. */
export function hostTarget(): TargetName | null {
  const isMusl =
    process.platform === 'linux' &&
    (process.report.getReport() as { header?: { glibcVersionRuntime?: string } }).header?.glibcVersionRuntime ===
      undefined;
  return (
    TARGET_NAMES.find((name) => {
      const { platform, arch, libc } = TARGETS[name];
      return platform === process.platform && arch === process.arch && (libc === null || (libc === 'musl') === isMusl);
    }) ?? null
  );
}
