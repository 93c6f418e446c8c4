// `bun run bench [NAME…]`: measures side by side in one run and prints a Markdown table. Figures, not tests: it fails only when it breaks.
import { cpus, release, totalmem } from 'node:os';
import { build, buildPage, hostBinary, runInstalled } from '../../build.ts';
import { endAll } from '../fixtures/ends.ts';
import type { Figure } from './measure.ts';

const words = process.argv.slice(2);
if (!words.includes('--installed')) process.exit(runInstalled(import.meta.path, words));

const { ensureTestEngine } = await import('../fixtures/engine-setup.ts');
await ensureTestEngine();
await buildPage();
await build(hostBinary, null);

const { benchServing } = await import('./serving.ts');
const { benchAccess } = await import('./access.ts');
const { benchEvents, benchSockets } = await import('./events.ts');
const { benchGenerate } = await import('./generate.ts');
const { benchGgufScan } = await import('./gguf-scan.ts');
const { benchLibraryRescan } = await import('./library-rescan.ts');
const { benchDownload } = await import('./download.ts');
const { benchPage } = await import('./page.ts');
const { benchDocsPage } = await import('./docs-page.ts');
const { benchMotion } = await import('./page-motion.ts');

const benches: Readonly<Record<string, () => Promise<readonly Figure[]>>> = {
  serving: benchServing,
  access: benchAccess,
  events: benchEvents,
  sockets: benchSockets,
  generate: benchGenerate,
  scan: benchGgufScan,
  rescan: benchLibraryRescan,
  download: benchDownload,
  page: benchPage,
  docs: benchDocsPage,
  motion: benchMotion,
};
const asked = words.filter((word) => !word.startsWith('--'));
console.log(
  `${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} threads, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Linux ${release()}, Bun ${Bun.version}\n`,
);
console.log('| what | measured | target | |');
console.log('|---|---|---|---|');
for (const [name, bench] of Object.entries(benches)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  for (const figure of await bench()) {
    const isAtLeast = figure.direction === 'at_least';
    const isMet = isAtLeast ? figure.value >= figure.target : figure.value <= figure.target;
    const value = Math.abs(figure.value) < 10 ? figure.value.toFixed(2) : figure.value.toFixed(0);
    const note = figure.note === undefined ? '' : ` (${figure.note})`;
    console.log(
      `| ${figure.name}${note} | ${value} ${figure.unit} | ${isAtLeast ? '≥' : '≤'} ${figure.target} ${figure.unit} | ${isMet ? 'met' : 'missed'} |`,
    );
  }
}
await endAll();
