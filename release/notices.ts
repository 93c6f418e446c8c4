// The licences of what is inside the executable, in one text, as most of them ask for.
import { bundledPackages, licenceTexts } from './packages.ts';

const RUNTIME = `The executable carries the runtime Bun ${Bun.version} (MIT), which links JavaScriptCore and WebKit's WTF (LGPL-2), SQLite
(public domain), BoringSSL, zlib and others statically; Bun's own list of them, with how to link it anew, is at
https://github.com/oven-sh/bun/blob/main/LICENSE.md`;

/** The same for the same source. A package without such a file is named with what its package.json says. */
export function noticesOf(root: string): string {
  const parts = bundledPackages(root).map((one) => {
    const texts = licenceTexts(one);
    const head = `${one.name} ${one.version} (${one.licence ?? 'its package does not say under which licence'})`;
    const body = texts.length === 0 ? 'It brings no text of its licence.' : texts.map(({ text }) => text).join('\n\n');
    return `${'='.repeat(80)}\n${head}\n${'-'.repeat(80)}\n\n${body}\n`;
  });
  const engine = 'llama.cpp (MIT) is not inside: it is fetched, with its licences beside it.';
  return [`Drover is under the MIT licence; see LICENSE.\n\n${RUNTIME}\n\n${engine}\n`, ...parts].join('\n');
}
