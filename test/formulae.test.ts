// What package managers are told: the right file and digest for each system, in their own form.
import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { type FormulaSource, homebrewFormula, publisherOf, wingetManifests } from '../release/formulae.ts';
import { programName, TARGET_NAMES, TARGETS } from '../release/targets.ts';
import { mistakesIn } from './fixtures/grammars.ts';

const source: FormulaSource = {
  version: '1.2.3',
  url: 'https://github.com/ada/drover/releases/download/v1.2.3',
  day: '2026-11-26',
  archives: TARGET_NAMES.map((target, index) => {
    const folder = `drover-1.2.3-${target}`;
    const name = programName(TARGETS[target].platform);
    const program = { folder, name, sizeBytes: 20, sha256: 'f'.repeat(64) };
    const fileName = `${folder}.${name.endsWith('.exe') ? 'zip' : 'tar.gz'}`;
    return { target, fileName, sizeBytes: 10, sha256: String(index).repeat(64), program };
  }),
};
const digestOf = (target: string): string => source.archives.find((one) => one.target === target)?.sha256 ?? '';

describe('Homebrew', () => {
  const formula = homebrewFormula(source);

  test('gets the four systems that it knows, each with its own digest', () => {
    const blocks = [...formula.matchAll(/on_(macos|linux) do\n([\s\S]*?)\n {2}end\n/g)];
    const found = blocks.flatMap(([, system, block = '']) =>
      [...block.matchAll(/on_(arm|intel) do\n\s+url "([^"]+)"\n\s+sha256 "([^"]+)"/g)].map(([, arch, url, digest]) => [
        `${system}-${arch}`,
        url,
        digest,
      ]),
    );
    const expected = [
      ['macos-arm', 'darwin-arm64'],
      ['macos-intel', 'darwin-x64'],
      ['linux-arm', 'linux-arm64'],
      ['linux-intel', 'linux-x64'],
    ].map(([place, target]) => [place, `${source.url}/drover-1.2.3-${target}.tar.gz`, digestOf(target ?? '')]);
    expect(found).toEqual(expected as typeof found);
    expect(formula).toContain('homepage "https://github.com/ada/drover"');
  });

  test('installs what the archives hold, under the names that shells look for', () => {
    const installed = [...formula.matchAll(/^ {4}(\w+)\.install "([^"]+)"/gm)].map(([, place, path]) => [place, path]);
    expect(installed).toEqual([
      ['bin', 'drover'],
      ['man1', 'drover.1'],
      ['bash_completion', 'completions/drover.bash'],
      ['zsh_completion', 'completions/_drover'],
      ['fish_completion', 'completions/drover.fish'],
      ['pwsh_completion', 'completions/drover.ps1'],
      ['doc', 'THIRD_PARTY_NOTICES.txt'],
    ]);
  });

  test('is Ruby, by its grammar', async () => {
    expect(await mistakesIn('ruby', formula)).toEqual([]);
    expect(await mistakesIn('ruby', formula.replace(/end\s*$/, ''))).not.toEqual([]);
  });
});

describe('winget', () => {
  const manifests = wingetManifests(source);
  const read = (name: string) => parse(manifests[name] ?? '') as Record<string, unknown>;

  test('gets the three manifests that its repository wants, with what each must have', () => {
    // Required fields: https://github.com/microsoft/winget-cli/tree/master/schemas/JSON/manifests/v1.12.0
    const required = {
      'ada.Drover.yaml': ['DefaultLocale'],
      'ada.Drover.installer.yaml': ['Installers'],
      'ada.Drover.locale.en-US.yaml': ['PackageLocale', 'Publisher', 'PackageName', 'License', 'ShortDescription'],
    };
    expect(Object.keys(manifests).toSorted()).toEqual(Object.keys(required).toSorted());
    for (const [name, fields] of Object.entries(required)) {
      const manifest = read(name);
      const all = ['PackageIdentifier', 'PackageVersion', 'ManifestType', 'ManifestVersion', ...fields];
      for (const field of all) expect([name, field, manifest[field] !== undefined]).toEqual([name, field, true]);
      expect(manifest).toMatchObject({
        PackageIdentifier: 'ada.Drover',
        PackageVersion: '1.2.3',
        ManifestVersion: '1.12.0',
      });
    }
  });

  test('finds the program in the archive by a path of its own kind', () => {
    expect(read('ada.Drover.installer.yaml').Installers).toEqual(
      ['x64', 'arm64'].map((architecture) => ({
        Architecture: architecture,
        InstallerUrl: `${source.url}/drover-1.2.3-windows-${architecture}.zip`,
        InstallerSha256: digestOf(`windows-${architecture}`).toUpperCase(),
        NestedInstallerFiles: [
          {
            RelativeFilePath: `drover-1.2.3-windows-${architecture}\\drover.exe`,
            PortableCommandAlias: 'drover',
          },
        ],
      })),
    );
  });
});

test('who publishes is told by the address', () => {
  expect(publisherOf(source.url)).toEqual({ name: 'ada', homepage: 'https://github.com/ada/drover' });
  expect(publisherOf('https://drover.example.org/files/')).toEqual({
    name: 'drover.example.org',
    homepage: 'https://drover.example.org/files',
  });
});

test('a release that lacks a system makes no formula', () => {
  const few = { ...source, archives: source.archives.filter(({ target }) => target !== 'darwin-arm64') };
  expect(() => homebrewFormula(few)).toThrow('nothing for darwin-arm64');
});

test('the container’s file copies what the archives hold, and says that it is an image', () => {
  const text = readFileSync(join(import.meta.dir, '../release/Containerfile'), 'utf8');
  expect(text).toContain('DROVER_IMAGE=1');
  for (const name of ['drover', 'LICENSE', 'THIRD_PARTY_NOTICES.txt']) expect(text).toContain(`\${TARGETARCH}/${name}`);
});
