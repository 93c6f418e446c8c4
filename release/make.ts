// Makes the folder of a release: an archive for every system, install scripts, bill of materials, formulae, checksums, and the
// signed manifest by which `drover update` goes. The same commit makes the same bytes.
import { createHash, type KeyObject } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build, gitSays, readOrigin, readVersion, sourceSeconds } from '../build.ts';
import {
  folderOf,
  MANIFEST_NAME,
  type Manifest,
  type ReleaseArchive,
  SIGNATURE_SUFFIX,
} from '../src/upgrade/manifest.ts';
import type { ReleaseOrigin } from '../src/upgrade/origin.ts';
import { type Packed, writeTarGz, writeZip } from './archive.ts';
import { homebrewFormula, wingetManifests } from './formulae.ts';
import { noticesOf } from './notices.ts';
import { sbomOf } from './sbom.ts';
import { bareSignature, makeKey, publicKeyOf, readKey, SSH_NAMESPACE, sshPublicKey, sshSignature } from './signing.ts';
import { hostTarget, programName, TARGET_NAMES, TARGETS, type TargetName, targetNamed } from './targets.ts';

const ROOT = join(import.meta.dir, '..');
export const CHECKSUMS_NAME = 'SHA256SUMS';
/** Zip archives know no earlier day. */
const EARLIEST_SECONDS = 315_619_200;

export interface ReleaseOptions {
  /** Made anew; what was there goes. */
  readonly folder: string;
  readonly version: string;
  readonly targets: readonly TargetName[];
  readonly origin: ReleaseOrigin;
  /** Null: nothing is signed, and nobody's `drover update` takes it. */
  readonly key: KeyObject | null;
  readonly say?: (line: string) => void;
}

export async function makeRelease(options: ReleaseOptions): Promise<void> {
  const { folder, version, key, origin, say = () => undefined } = options;
  const publicKey = key === null ? null : publicKeyOf(key);
  if (publicKey !== null && !origin.keys.includes(publicKey)) {
    throw new Error(`release/origin.json does not list the key that is to sign: ${publicKey}`);
  }
  const work = `${folder}.${process.pid}.tmp`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(join(work, 'programs'), { recursive: true });
  const out = join(work, 'release');
  mkdirSync(out);
  try {
    const programs = await buildAll(options, join(work, 'programs'));
    const texts = await textsFrom(programs.host);
    const archives: ReleaseArchive[] = [];
    for (const target of options.targets) {
      const archive = await pack(target, programs.of(target), texts, { out, version });
      say(`packed ${archive.fileName} (${(archive.sizeBytes / 1e6).toFixed(0)} MB)`);
      archives.push(archive);
    }
    writeScripts(out, version, origin);
    const [commit, seconds] = [commitOf(), sourceSeconds()];
    const manifest: Manifest = { format: 1, name: 'drover', version, commit, sourceSeconds: seconds, archives };
    writeFormulae(out, manifest, origin.url);
    const about = { root: ROOT, version, commit, sourceSeconds: seconds };
    writeFileSync(join(out, `drover-${version}.cdx.json`), sbomOf(about));
    writeFileSync(join(out, MANIFEST_NAME), `${JSON.stringify(manifest, null, 2)}\n`);
    writeChecksums(out);
    if (key !== null) for (const name of [MANIFEST_NAME, CHECKSUMS_NAME]) signFile(join(out, name), key);
    rmSync(folder, { recursive: true, force: true });
    renameSync(out, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Of a work tree with changes nobody can say which commit it is. */
function commitOf(): string | null {
  const commit = gitSays('rev-parse', 'HEAD');
  return gitSays('status', '--porcelain', '--untracked-files=no') === '' ? commit : null;
}

interface Programs {
  of(target: TargetName): string;
  /** One that this machine runs. */
  readonly host: string;
}

async function buildAll({ targets, version, origin, say }: ReleaseOptions, folder: string): Promise<Programs> {
  const of = (target: TargetName): string => join(folder, target, programName(TARGETS[target].platform));
  const host = hostTarget();
  const all = host === null || targets.includes(host) ? targets : [...targets, host];
  for (const target of all) {
    mkdirSync(join(folder, target), { recursive: true });
    await build(of(target), target, { version, origin });
    say?.(`built ${target}`);
  }
  if (host === null) throw new Error('This machine runs none of the targets, so nobody can ask it for its manual.');
  return { of, host: of(host) };
}

const SHELLS = { bash: 'drover.bash', zsh: '_drover', fish: 'drover.fish', powershell: 'drover.ps1' } as const;

/** What lies beside the program: documents of the checkout, and what the program says of itself. */
async function textsFrom(program: string): Promise<readonly Packed[]> {
  const documents = ['LICENSE', 'README.md', 'CHANGELOG.md'].filter((name) => existsSync(join(ROOT, name)));
  return [
    ...documents.map((name) => file(name, { path: join(ROOT, name) })),
    file('THIRD_PARTY_NOTICES.txt', { text: noticesOf(ROOT) }),
    file('drover.1', { text: saidBy(program, 'man') }),
    ...Object.entries(SHELLS).map(([shell, name]) =>
      file(`completions/${name}`, { text: saidBy(program, 'completion', shell) }),
    ),
  ];
}

const file = (name: string, content: Packed['content']): Packed => ({ name, content, isProgram: false });

function saidBy(...argv: readonly string[]): string {
  const run = Bun.spawnSync([...argv], { stdout: 'pipe', stderr: 'pipe', env: { NO_COLOR: '1' } });
  if (run.exitCode !== 0) throw new Error(`${argv.slice(1).join(' ')} failed: ${run.stderr}`);
  return run.stdout.toString();
}

async function pack(
  target: TargetName,
  path: string,
  texts: readonly Packed[],
  { out, version }: { readonly out: string; readonly version: string },
): Promise<ReleaseArchive> {
  const { platform } = TARGETS[target];
  const folder = `drover-${version}-${target}`;
  const name = programName(platform);
  const isZip = platform === 'win32';
  const fileName = `${folder}.${isZip ? 'zip' : 'tar.gz'}`;
  await (isZip ? writeZip : writeTarGz)(join(out, fileName), {
    folder,
    files: [{ name, content: { path }, isProgram: true }, ...texts],
    seconds: Math.max(EARLIEST_SECONDS, sourceSeconds() ?? 0),
  });
  return { target, fileName, ...factsOf(join(out, fileName)), program: { folder, name, ...factsOf(path) } };
}

function factsOf(path: string): { readonly sizeBytes: number; readonly sha256: string } {
  const bytes = readFileSync(path);
  return { sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** Only where it is known from where, and of all systems: otherwise there is nothing to point package managers at. */
function writeFormulae(out: string, { version, archives, sourceSeconds: seconds }: Manifest, url: string | null): void {
  if (url === null || archives.length < TARGET_NAMES.length) return;
  const day = seconds === null ? null : new Date(seconds * 1000).toISOString().slice(0, 10);
  const source = { version, url: folderOf(url, version), day, archives };
  writeFileSync(join(out, 'drover.rb'), homebrewFormula(source));
  for (const [name, text] of Object.entries(wingetManifests(source))) writeFileSync(join(out, name), text);
}

/** They bring their own version, and trust the keys that the program trusts. */
function writeScripts(out: string, version: string, { url, keys }: ReleaseOrigin): void {
  const values: Readonly<Record<string, string>> = {
    VERSION: version,
    URL: url ?? '',
    SSH_NAMESPACE,
    SSH_KEYS: keys.map((key) => sshPublicKey(key)).join('\n'),
    PEM_KEYS: keys.join(' '),
  };
  for (const name of ['install.sh', 'install.ps1']) {
    const text = readFileSync(join(import.meta.dir, name), 'utf8');
    writeFileSync(
      join(out, name),
      text.replace(/@@([A-Z_]+)@@/g, (_, word: string) => {
        const value = values[word];
        if (value === undefined) throw new Error(`${name} asks for ${word}`);
        return value;
      }),
    );
  }
}

/** As `sha256sum` writes and checks them. */
function writeChecksums(out: string): void {
  const lines = readdirSync(out)
    .sort()
    .map((name) => `${factsOf(join(out, name)).sha256}  ${name}\n`);
  writeFileSync(join(out, CHECKSUMS_NAME), lines.join(''));
}

function signFile(path: string, key: KeyObject): void {
  const bytes = readFileSync(path);
  writeFileSync(`${path}${SIGNATURE_SUFFIX}`, bareSignature(bytes, key));
  writeFileSync(`${path}.sshsig`, sshSignature(bytes, key));
}

/**
 * `--all [--targets LIST] [--sign FILE | --unsigned] [--out FOLDER]`. The key's text may stand in `DROVER_SIGNING_KEY` instead
 * of a file.
 */
export async function makeAsked(words: readonly string[]): Promise<void> {
  const after = (word: string): string | null =>
    words.includes(word) ? (words[words.indexOf(word) + 1] ?? null) : null;
  const { DROVER_SIGNING_KEY: given = '' } = process.env;
  const keyFile = after('--sign');
  const pem = keyFile === null ? given : readFileSync(keyFile, 'utf8');
  if (pem === '' && !words.includes('--unsigned')) {
    throw new Error('A release is signed: --sign FILE, or DROVER_SIGNING_KEY; or else --unsigned.');
  }
  const version = await readVersion();
  const folder = after('--out') ?? join(ROOT, 'dist', 'release');
  await makeRelease({
    folder,
    version,
    targets: after('--targets')?.split(',').map(targetNamed) ?? TARGET_NAMES,
    origin: await readOrigin(),
    key: pem === '' || words.includes('--unsigned') ? null : readKey(pem),
    say: (line) => process.stderr.write(`${line}\n`),
  });
  process.stderr.write(`drover ${version} is in ${folder}: ${readdirSync(folder).length} files\n`);
}

/** `--new-key FILE [--url ADDRESS]`: the private half goes into FILE alone, the public one into `release/origin.json`. */
export async function makeKeyAsked(words: readonly string[]): Promise<void> {
  const path = words[words.indexOf('--new-key') + 1];
  if (path === undefined) throw new Error('--new-key takes the file to write.');
  const { privatePem, publicKey } = makeKey();
  writeFileSync(path, privatePem, { mode: 0o600, flag: 'wx' });
  const before = await readOrigin();
  const url = words.includes('--url') ? (words[words.indexOf('--url') + 1] ?? null) : before.url;
  const origin: ReleaseOrigin = { url, keys: [...before.keys, publicKey] };
  writeFileSync(join(import.meta.dir, 'origin.json'), `${JSON.stringify(origin, null, 2)}\n`);
  process.stderr.write(
    `${basename(path)} signs releases from now on; keep it secret. Its public half is in release/origin.json.\n`,
  );
}
