// Builds the executable: `bun build.ts` for this machine, `--target NAME` for another, `--all` for every one of the
// table, `--start ARGS…` to install, build and run it. It needs nothing but Bun: it installs by the frozen lockfile first.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { signatureState, withoutSignature } from './release/mach-o.ts';
import { hostTarget, programName, TARGETS, type TargetName, targetNamed } from './release/targets.ts';
import type { ReleaseOrigin } from './src/upgrade/origin.ts';

const ROOT = import.meta.dir;
const DIST = join(ROOT, 'dist');

/** Where the executable of this machine lies. */
export const hostBinary = join(DIST, programName(process.platform));

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
export function sourceSeconds(): number | null {
  const { SOURCE_DATE_EPOCH: given = '' } = process.env;
  if (/^\d{1,12}$/.test(given)) return Number(given);
  const said = gitSays('log', '-1', '--format=%ct');
  return said !== null && /^\d+$/.test(said) ? Number(said) : null;
}

/** Null where there is no git, or no repository. */
export function gitSays(...words: readonly string[]): string | null {
  try {
    const run = Bun.spawnSync(['git', ...words], { cwd: ROOT, stdout: 'pipe', stderr: 'ignore' });
    return run.exitCode === 0 ? run.stdout.toString().trim() : null;
  } catch {
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

export interface BuildOptions {
  /** What it says of itself; the package's own unless given. */
  readonly version?: string;
  readonly origin?: ReleaseOrigin;
}

/** `release/origin.json`: where releases of this program come from, and whose they are. */
export const readOrigin = async (): Promise<ReleaseOrigin> =>
  (await Bun.file(join(ROOT, 'release/origin.json')).json()) as ReleaseOrigin;
export const readVersion = async (): Promise<string> =>
  ((await Bun.file(join(ROOT, 'package.json')).json()) as { version: string }).version;

/**
 * Compiles to `outfile`; a null target is this machine, with its own runtime. The same source makes the same bytes: the
 * bundler writes the name of its output into it, so that name is the same for all. Throws with the bundler's messages.
 */
export async function build(outfile: string, name: TargetName | null, options: BuildOptions = {}): Promise<void> {
  const folder = join(DIST, `.${process.pid}.${basename(outfile)}.tmp`);
  const program = programName(name === null ? process.platform : TARGETS[name].platform);
  mkdirSync(folder, { recursive: true });
  try {
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
        DROVER_VERSION: JSON.stringify(options.version ?? (await readVersion())),
        DROVER_BUILD_SECONDS: JSON.stringify(sourceSeconds()),
        DROVER_TARGET: JSON.stringify(name ?? hostTarget()),
        DROVER_RELEASE_ORIGIN: JSON.stringify(options.origin ?? (await readOrigin())),
      },
      compile: {
        ...(name === null ? {} : { target: TARGETS[name].bun }),
        outfile: join(folder, program),
        assets: [join(ROOT, 'assets'), PAGE_FOLDER],
        autoloadDotenv: false,
        autoloadBunfig: false,
        autoloadTsconfig: false,
        autoloadPackageJson: false,
      },
    });
    if (!result.success) throw new AggregateError(result.logs, 'the build failed');
    if (name?.startsWith('darwin') === true) dropStaleSignature(join(folder, program));
    rmSync(outfile, { force: true });
    renameSync(join(folder, program), outfile);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function dropStaleSignature(path: string): void {
  const bytes = readFileSync(path);
  if (signatureState(bytes) === 'stale') writeFileSync(path, withoutSignature(bytes));
}

async function buildNamed(name: TargetName): Promise<void> {
  const outfile = join(DIST, programName(TARGETS[name].platform).replace('drover', `drover-${name}`));
  await build(outfile, name);
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
  if (words.includes('--new-key')) return (await import('./release/make.ts')).makeKeyAsked(words);
  await buildPage();
  if (words.includes('--all')) await (await import('./release/make.ts')).makeAsked(words);
  else if (at !== -1) await buildNamed(targetNamed(words[at + 1] ?? ''));
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
