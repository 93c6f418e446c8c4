// Builds the executable: `bun build.ts` for this machine, `--target NAME` for another, `--all` for every one of the
// table, `--start ARGS…` to install, build and run it. It needs nothing but Bun: it installs by the frozen lockfile first.
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';

interface Target {
  readonly platform: NodeJS.Platform;
  readonly arch: string;
  readonly bun: Bun.Build.CompileTarget;
}

// x64 ships as baseline: the others die with "Illegal instruction" on processors without AVX2.
const TARGETS: Readonly<Record<string, Target>> = {
  'linux-x64': { platform: 'linux', arch: 'x64', bun: 'bun-linux-x64-baseline' },
  'linux-arm64': { platform: 'linux', arch: 'arm64', bun: 'bun-linux-arm64' },
  'linux-x64-musl': { platform: 'linux', arch: 'x64', bun: 'bun-linux-x64-baseline-musl' },
  'linux-arm64-musl': { platform: 'linux', arch: 'arm64', bun: 'bun-linux-arm64-musl' },
  'darwin-x64': { platform: 'darwin', arch: 'x64', bun: 'bun-darwin-x64' },
  'darwin-arm64': { platform: 'darwin', arch: 'arm64', bun: 'bun-darwin-arm64' },
  'windows-x64': { platform: 'win32', arch: 'x64', bun: 'bun-windows-x64-baseline' },
  'windows-arm64': { platform: 'win32', arch: 'arm64', bun: 'bun-windows-arm64' },
};

const ROOT = import.meta.dir;
const DIST = join(ROOT, 'dist');
const suffix = (platform: string): string => (platform === 'win32' ? '.exe' : '');

/** Where the executable of this machine lies. */
export const hostBinary = join(DIST, `drover${suffix(process.platform)}`);

function install(): void {
  const run = Bun.spawnSync([process.execPath, 'install', '--frozen-lockfile', '--ignore-scripts'], {
    cwd: ROOT,
    env: { ...process.env, BUN_BE_BUN: '1' },
    stdout: 'pipe',
    stderr: 'pipe',
  });
  if (run.exitCode === 0) return;
  process.stderr.write(run.stderr);
  throw new Error('The dependencies could not be installed; is the npm registry reachable?');
}

/**
 * When the source was made, so that one source makes one executable: `SOURCE_DATE_EPOCH`, else the commit's time; null
 * where there is neither.
 */
function sourceSeconds(): number | null {
  const { SOURCE_DATE_EPOCH: given = '' } = process.env;
  if (/^\d{1,12}$/.test(given)) return Number(given);
  try {
    const run = Bun.spawnSync(['git', 'log', '-1', '--format=%ct'], { cwd: ROOT, stdout: 'pipe', stderr: 'ignore' });
    const said = run.stdout.toString().trim();
    return run.exitCode === 0 && /^\d+$/.test(said) ? Number(said) : null;
  } catch {
    // No git here.
    return null;
  }
}

/** What `buildPage` makes, by the names under which the server has them; `base/assets` reads it. */
const PAGE_FOLDER = join(DIST, 'page');

/**
 * Bundles the page for browsers into `dist/page`: `index.html` and, each under a name that holds its digest, scripts and
 * styles; all compressed once, here. Throws with the bundler's messages.
 */
export async function buildPage(): Promise<void> {
  const ui = join(ROOT, 'src/ui');
  const result = await Bun.build({
    entrypoints: [join(ui, 'main.tsx'), join(ui, 'theme.ts'), join(ui, 'style.css')],
    naming: { entry: '[name]-[hash].[ext]', chunk: 'part-[hash].[ext]', asset: '[name]-[hash].[ext]' },
    target: 'browser',
    format: 'esm',
    splitting: true,
    minify: true,
    define: { 'process.env.NODE_ENV': '"production"' },
  });
  if (!result.success) throw new AggregateError(result.logs, 'the page could not be built');
  const temporary = `${PAGE_FOLDER}.${process.pid}.tmp`;
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { recursive: true });
  const names = new Map<string, string>();
  const keep = (name: string, bytes: Uint8Array | string): void =>
    writeFileSync(join(temporary, `${name}.gz`), gzipSync(bytes, { level: 9 }));
  for (const output of result.outputs) {
    const name = basename(output.path);
    if (!name.startsWith('part-')) names.set(name.replace(/-[^-]+(\.\w+)$/, '$1'), name);
    keep(name, new Uint8Array(await output.arrayBuffer()));
  }
  const shell = await Bun.file(join(ui, 'index.html')).text();
  keep(
    'index.html',
    shell.replace(/\{\{([\w.]+)\}\}/g, (_, name: string) => {
      const found = names.get(name);
      if (found === undefined) throw new Error(`index.html names ${name}, which was not built`);
      return found;
    }),
  );
  rmSync(PAGE_FOLDER, { recursive: true, force: true });
  renameSync(temporary, PAGE_FOLDER);
}

/** Compiles to `outfile`; a null target is this machine's own runtime. Throws with the bundler's messages. */
export async function build(outfile: string, target: Target | null): Promise<void> {
  const { version } = (await Bun.file(join(ROOT, 'package.json')).json()) as { version: string };
  mkdirSync(DIST, { recursive: true });
  const temporary = `${outfile}.${process.pid}.tmp${suffix(target?.platform ?? process.platform)}`;
  const result = await Bun.build({
    entrypoints: [join(ROOT, 'src/main.ts'), join(ROOT, 'src/base/digest-worker.ts')],
    // All that uses a worker ends up in the one file of main, so the worker is looked for beside that.
    naming: { entry: '[name].[ext]' },
    target: 'bun',
    format: 'esm',
    bytecode: true,
    // Verbs and what is asked for rarely lie apart, so that a start does not read them.
    splitting: true,
    // Elysia reads the source of handlers: identifiers keep their names.
    minify: { whitespace: true, syntax: true, identifiers: false },
    define: {
      'process.env.NODE_ENV': '"production"',
      DROVER_VERSION: JSON.stringify(version),
      DROVER_BUILD_SECONDS: JSON.stringify(sourceSeconds()),
    },
    compile: {
      ...(target === null ? {} : { target: target.bun }),
      outfile: temporary,
      assets: [join(ROOT, 'assets'), PAGE_FOLDER],
      autoloadDotenv: false,
      autoloadBunfig: false,
      autoloadTsconfig: false,
      autoloadPackageJson: false,
    },
  });
  if (!result.success) throw new AggregateError(result.logs, 'the build failed');
  rmSync(outfile, { force: true });
  renameSync(temporary, outfile);
}

async function buildNamed(name: string): Promise<void> {
  const target = TARGETS[name];
  if (target === undefined) throw new Error(`unknown target ${name}; known: ${Object.keys(TARGETS).join(', ')}`);
  const outfile = join(DIST, `drover-${name}${suffix(target.platform)}`);
  await build(outfile, target);
  process.stderr.write(`built ${outfile} (${(Bun.file(outfile).size / 1e6).toFixed(0)} MB)\n`);
}

/** Runs the executable with our terminal, hands on what ends us, and leaves with its exit code. */
async function start(argv: readonly string[]): Promise<never> {
  const child = Bun.spawn([hostBinary, 'serve', ...argv], { stdio: ['inherit', 'inherit', 'inherit'] });
  // An interrupt from the terminal reaches the child by itself; a signal to us alone does not.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.on('SIGHUP', () => child.kill('SIGHUP'));
  process.exit(await child.exited);
}

/**
 * Installs, then runs a script in a process of its own, marked `--installed`, since this one's resolver remembers that
 * there were no modules. Returns its exit code.
 */
export function runInstalled(script: string, words: readonly string[]): number {
  install();
  const run = Bun.spawnSync([process.execPath, script, '--installed', ...words], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return run.exitCode ?? 1;
}

/** Builds what the words ask for. */
async function buildAsked(words: readonly string[]): Promise<void> {
  const at = words.indexOf('--target');
  await buildPage();
  if (words.includes('--all')) for (const name of Object.keys(TARGETS)) await buildNamed(name);
  else if (at !== -1) await buildNamed(words[at + 1] ?? '');
  else await build(hostBinary, null);
}

if (import.meta.main) {
  const words = process.argv.slice(2);
  const startAt = words.indexOf('--start');
  const own = startAt === -1 ? words : words.slice(0, startAt);
  try {
    if (own.includes('--installed')) await buildAsked(own);
    else {
      const exitCode = runInstalled(import.meta.path, own);
      if (exitCode !== 0) process.exit(exitCode);
    }
  } catch (thrown) {
    const messages = thrown instanceof AggregateError ? thrown.errors.map(String) : [];
    process.stderr.write(`${[thrown instanceof Error ? thrown.message : String(thrown), ...messages].join('\n')}\n`);
    process.exit(1);
  }
  if (startAt !== -1) await start(words.slice(startAt + 1).filter((word, index) => !(index === 0 && word === '--')));
}
