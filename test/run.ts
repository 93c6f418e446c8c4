// `npm test`: installs, brings the real engine, a browser and a Python, builds the executable, runs every test, ends with
// "N passed, N failed". `--quick` (npm run check) leaves out what takes long: the executable, pages, real archives, soaks.
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { build, buildPage, hostBinary, runInstalled } from '../build.ts';

const ROOT = join(import.meta.dir, '..');
const SLOW = new RegExp(
  [
    '(api-docs|elsewhere|service-verbs|test/release|test/doctor|test/launch|test/first-run|mach-o|models-api|api-client|one-model|test/crossroads|bench-verb|benchmark|docs-page|sides|binary|restart|serving|engine-verbs|completion|manual|examples|vulkan|debian|install|github|soak)[^/]*',
    'test/(keys|users|import|pull)',
    'test/(claracore|llamactl|llamahome|beautyai|obt)/[^/]*',
    'test/ui/[^/]*',
    '(http-(resume|load|download)|downloads-(kill|queue)|data-lock|successor)',
  ]
    .map((names) => `${names}\\.test\\.ts$`)
    .join('|'),
);

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const isQuick = process.argv.includes('--quick');
const asked = process.argv.slice(2).filter((word) => !word.startsWith('--'));

const words = process.argv.slice(2);
if (!words.includes('--installed')) process.exit(runInstalled(import.meta.path, words));

const { ensureTestEngine } = await import('./fixtures/engine-setup.ts');
say(`engine: ${await ensureTestEngine()}`);

await buildPage();
if (!isQuick) {
  const { ensureChromium } = await import('./fixtures/chromium.ts');
  say(`browser: ${await ensureChromium()}`);
  const { ensurePython } = await import('./fixtures/python.ts');
  say(`python: ${await ensurePython()}`);
  const { bringElsewhere } = await import('./fixtures/elsewhere.ts');
  say(
    `executables of other systems: ${(await bringElsewhere()) ? 'run here' : 'left out, for want of Debian or root'}`,
  );
  await build(hostBinary, null);
  say(`built ${relative(ROOT, hostBinary)}`);
}

const files = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
  .map((name) => `test/${name.replaceAll('\\', '/')}`)
  .filter((name) => name.endsWith('.test.ts'))
  .filter((name) => !(isQuick && SLOW.test(name)))
  .filter((name) => asked.length === 0 || asked.some((word) => name.includes(word)))
  .sort();

// Two lanes, the longest files first, as `--timings` last measured them: most of their time is waiting for engines and browsers.
// No limit is a measure of anything.
const LANES = Math.min(2, availableParallelism());
const run = Bun.spawn(
  [
    ...[process.execPath, 'test', '--timeout', '120000', `--parallel=${LANES}`, '--no-isolate'],
    ...['--timings', 'test/timings.json', ...(words.includes('--timings') ? ['--update-timings'] : [])],
    ...files.map((file) => `./${file}`),
  ],
  { cwd: ROOT, stdin: 'ignore', stdout: 'inherit', stderr: 'pipe' },
);
let passed = 0;
let failed = 0;
let skipped = 0;
const decoder = new TextDecoder();
let line = '';
for await (const chunk of run.stderr) {
  process.stderr.write(chunk);
  const lines = (line + decoder.decode(chunk, { stream: true })).split('\n');
  line = lines.pop() ?? '';
  for (const text of lines) {
    const count = /^\s*(\d+) (pass|fail|skip|error)s?\s*$/.exec(Bun.stripANSI(text));
    if (count?.[2] === 'pass') passed = Number(count[1]);
    if (count?.[2] === 'skip') skipped = Number(count[1]);
    if (count?.[2] === 'fail' || count?.[2] === 'error') failed += Number(count[1]);
  }
}
const exitCode = await run.exited;
// A runner that died has failed, whatever it counted.
if (exitCode !== 0 && failed === 0) failed = 1;
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
