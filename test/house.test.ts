import { expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const SOURCE = join(import.meta.dir, '../src');

// A file imports only to its right; rooms in one cell do not know each other.
const ARROW: readonly (readonly string[])[] = [
  ['main'],
  ['cli'],
  ['server', 'service', 'upgrade'],
  ['dialects'],
  ['core', 'access'],
  ['engine', 'models'],
  ['gguf', 'hardware'],
  ['config'],
  ['base'],
];
// The core may use identities; nothing else crosses inside a cell.
const SIDE_DOORS = new Set(['server>service', 'core>access']);

interface Import {
  readonly file: string;
  readonly specifier: string;
  readonly isTypeOnly: boolean;
}

const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.tsx?$/.test(name) && !name.endsWith('.d.ts') && !name.startsWith('ui/'))
  .map((name) => name.replaceAll('\\', '/'))
  .sort();
const pageFiles = readdirSync(join(SOURCE, 'ui'), { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.tsx?$/.test(name) && !name.endsWith('.d.ts'))
  .map((name) => `ui/${name.replaceAll('\\', '/')}`)
  .sort();

const textOf = (file: string): string => readFileSync(join(SOURCE, file), 'utf8');
const codeOf = (file: string): string =>
  textOf(file)
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|\s)\/\/.*$/gm, '$1');

function importsOf(file: string): Import[] {
  const code = codeOf(file);
  const found: Import[] = [];
  const statement = /(?:^|\n)\s*(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]/g;
  for (const match of code.matchAll(statement)) {
    found.push({
      file,
      specifier: match[2] ?? '',
      isTypeOnly: match[1] !== undefined,
    });
  }
  for (const match of code.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)) {
    found.push({ file, specifier: match[1] ?? '', isTypeOnly: false });
  }
  return found;
}

const roomOf = (file: string): string =>
  file.includes('/') ? (file.split('/')[0] ?? '') : file.replace(/\.tsx?$/, '');
const cellOf = (room: string): number => ARROW.findIndex((cell) => cell.includes(room));

function targetOf(entry: Import): string | null {
  if (!entry.specifier.startsWith('.')) return null;
  return relative(SOURCE, join(SOURCE, entry.file, '..', entry.specifier)).replaceAll('\\', '/');
}

const allImports = files.flatMap(importsOf);

test('imports follow the arrow: main → cli → server → dialects → core, access → engine, models → gguf, hardware → config → base', () => {
  const wrong: string[] = [];
  for (const entry of allImports) {
    const target = targetOf(entry);
    if (target === null || target.startsWith('..')) continue;
    const from = roomOf(entry.file);
    const to = roomOf(target);
    if (from === to) continue;
    // Types of settings may be read anywhere, and settings speak of cache types; values are passed in.
    if (to === 'config' && !entry.isTypeOnly && !['main', 'cli', 'server'].includes(from)) {
      wrong.push(`${entry.file} imports values of ${target}: settings are passed in`);
      continue;
    }
    if (from === 'config' && entry.isTypeOnly) continue;
    // What browsers run is embedded as files, by the server alone.
    if (from === 'server' && to === 'ui') continue;
    if (cellOf(to) > cellOf(from) || SIDE_DOORS.has(`${from}>${to}`)) continue;
    wrong.push(`${entry.file} imports ${target}`);
  }
  expect(wrong).toEqual([]);
});

test('dialects never import each other', () => {
  const wrong = allImports.filter((entry) => {
    const from = entry.file.split('/');
    const to = targetOf(entry)?.split('/') ?? [];
    return from[0] === 'dialects' && to[0] === 'dialects' && from.length > 2 && to.length > 2 && from[1] !== to[1];
  });
  expect(wrong.map((entry) => `${entry.file} imports ${entry.specifier}`)).toEqual([]);
});

test('elysia lives in server/, dialects/*/routes, dialects/crossroads and schema files only', () => {
  const allowed = /^(server\/|dialects\/[^/]+\/(routes|schema)|dialects\/crossroads)/;
  const wrong = allImports.filter(
    (entry) => /^(elysia|@elysiajs\/)/.test(entry.specifier) && !allowed.test(entry.file),
  );
  expect(wrong.map((entry) => `${entry.file} imports ${entry.specifier}`)).toEqual([]);
});

test('a rule of place for each dangerous thing', () => {
  const rules: readonly {
    readonly what: RegExp;
    readonly where: RegExp;
    readonly sentence: string;
  }[] = [
    {
      what: /\b(Bun\.spawn|Bun\.spawnSync|node:child_process)\b/,
      where: /^(engine\/(process|install|inspect)|hardware\/gpu|service\/|upgrade\/trial|cli\/config)/,
      sentence:
        'spawning belongs to engine/process, engine/install, engine/inspect, hardware/gpu, service, upgrade/trial and cli/config (the editor)',
    },
    {
      what: /\b(process|Bun)\.env\b/,
      where: /^(config\/load|main)/,
      sentence: 'the environment is read in config/load only (main sets the production mode)',
    },
    {
      what: /\bprocess\.platform\b/,
      where: /^(config\/paths|hardware\/|engine\/|service\/|upgrade\/installation|base\/(sync|file)|main)/,
      sentence: 'the platform is asked in config/paths, hardware, engine, service and base/sync only',
    },
    {
      what: /(?<![.\w])fetch\(/,
      where: /^(base\/http|engine\/(client|process)|cli\/|ui\/)/,
      sentence:
        'requests go out through base/http, engine/client, engine/process (health) and cli (our own server) only',
    },
  ];
  const wrong: string[] = [];
  for (const file of files) {
    const code = codeOf(file);
    for (const rule of rules)
      if (rule.what.test(code) && !rule.where.test(file)) wrong.push(`${file}: ${rule.sentence}`);
  }
  expect(wrong).toEqual([]);
});

test('pure rooms have no clock, disk, network or log', () => {
  const pure =
    /^(gguf\/|core\/placement|upgrade\/(manifest|package-manager|origin)|engine\/(catalog|command|verdict)|access\/scopes|dialects\/resolve|dialects\/[^/]+\/(shape|stream))/;
  const impure = /\b(Date\.now|new Date\(\)|performance\.now|node:fs|Bun\.file|fetch\(|node:net|console\.|base\/log)/;
  expect(files.filter((file) => pure.test(file) && impure.test(codeOf(file)))).toEqual([]);
});

test('the page takes nothing of the server but types: it talks HTTP like any client', () => {
  const wrong = pageFiles.flatMap(importsOf).filter((entry) => {
    const target = targetOf(entry);
    if (target === null) return /^(node:|bun|elysia|@elysiajs)/.test(entry.specifier);
    return !target.startsWith('ui/') && !entry.isTypeOnly;
  });
  expect(wrong.map((entry) => `${entry.file} imports ${entry.specifier}`)).toEqual([]);
});

test('pages do not import each other, and parts know no page', () => {
  const pageOf = (file: string): string | null => /^ui\/pages\/([^/]+)\//.exec(file)?.[1] ?? null;
  const wrong = pageFiles.flatMap(importsOf).filter((entry) => {
    const to = pageOf(targetOf(entry) ?? '');
    if (to === null || pageOf(entry.file) === to) return false;
    return entry.file !== 'ui/app/routes.ts';
  });
  expect(wrong.map((entry) => `${entry.file} imports ${entry.specifier}`)).toEqual([]);
});

test('what the page says stands in its texts, not among its elements', () => {
  const wrong = pageFiles
    .filter((file) => file.endsWith('.tsx'))
    .flatMap((file) => {
      const code = codeOf(file);
      const between = [...code.matchAll(/>([^<>{}()=;]*[A-Za-z]{2,}[^<>{}()=;]*)<\//g)].map((match) => match[1] ?? '');
      const attributes = [...code.matchAll(/\b(?:title|label|placeholder|aria-label|alt)="([^"]*[A-Za-z][^"]*)"/g)];
      return [...between, ...attributes.map((match) => match[1] ?? '')].map((text) => `${file}: ${text.trim()}`);
    });
  expect(wrong).toEqual([]);
});

test('files are kebab-case nouns, and none is a bag', () => {
  const bag = /(^|\/)(utils?|helpers?|common|types|managers?|misc)(\/|\.tsx?$)/;
  const kebab = /^[a-z0-9]+(-[a-z0-9]+)*(\.(css|html))?\.?tsx?$/;
  const named = [...files, ...pageFiles];
  expect(named.filter((file) => bag.test(file) || !kebab.test(file.split('/').at(-1) ?? ''))).toEqual([]);
});

test('a file opens with what it is for', () => {
  expect([...files, ...pageFiles].filter((file) => !/^(\/\/|\/\*|#!)/.test(textOf(file)))).toEqual([]);
});

test('no file is longer than 400 lines', () => {
  const tables = new Set<string>([]);
  const long = [...files, ...pageFiles].filter((file) => !tables.has(file) && textOf(file).split('\n').length > 400);
  expect(long).toEqual([]);
});

test('no default exports, no any, no silenced compiler', () => {
  const wrong = [...files, ...pageFiles].filter((file) =>
    /export default|\bas any\b|: any\b|@ts-ignore|@ts-expect-error|@ts-nocheck/.test(codeOf(file)),
  );
  expect(wrong).toEqual([]);
});
