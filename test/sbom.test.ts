// What a release says that is inside the executable, held against what the bundler really puts in.
import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import { noticesOf } from '../release/notices.ts';
import { bundledPackages, licenceTexts } from '../release/packages.ts';
import { sbomOf } from '../release/sbom.ts';

const ROOT = join(import.meta.dir, '..');
const source = { root: ROOT, version: '1.2.3', commit: 'c'.repeat(40), sourceSeconds: 1_700_000_000 };
const text = sbomOf(source);
const bom = JSON.parse(text) as {
  readonly serialNumber: string;
  readonly components: readonly { readonly 'bom-ref': string; readonly purl: string; readonly name: string }[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[];
};

/** `name@version` of every package that one of its modules was bundled of. */
async function reallyBundled(...entrypoints: readonly string[]): Promise<readonly string[]> {
  const target = entrypoints.some((path) => path.includes('/ui/')) ? 'browser' : 'bun';
  const made = await Bun.build({ entrypoints: entrypoints.map((path) => join(ROOT, path)), target, metafile: true });
  const names = new Set<string>();
  for (const input of Object.keys(made.metafile?.inputs ?? {})) {
    const folder = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(join(ROOT, input))?.[1];
    if (folder === undefined) continue;
    const { name, version } = (await Bun.file(join(folder, 'package.json')).json()) as Record<string, string>;
    names.add(`${name}@${version}`);
  }
  return [...names].toSorted();
}

describe('the bill of materials', () => {
  test('is CycloneDX 1.6 by its own schema, the same each time', async () => {
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
    expect(await validator.validate(text)).toBeNull();
    expect(await validator.validate(text.replace('"library"', '"livery"'))).not.toBeNull();
    expect(sbomOf(source)).toBe(text);
    expect(JSON.parse(sbomOf({ ...source, version: '1.2.4' })).serialNumber).not.toBe(bom.serialNumber);
  });

  test('holds every package that the bundler takes in, none that only builds need, and the runtime', async () => {
    const listed = new Set(bom.components.map(({ purl }) => purl.replace('pkg:npm/', '').replace('%40', '@')));
    const bundled = [...(await reallyBundled('src/main.ts')), ...(await reallyBundled('src/ui/main.tsx'))];
    expect(bundled.length).toBeGreaterThan(40);
    expect(bundled.filter((one) => !listed.has(one))).toEqual([]);
    for (const name of ['typescript', 'playwright-core', 'biome', 'yazl']) {
      expect([name, bom.components.some((one) => one.name === name)]).toEqual([name, false]);
    }
    expect(bom.components[0]).toMatchObject({ name: 'bun', version: Bun.version });
  });

  test('has Drover itself need what its package names, no more and no less', async () => {
    const { dependencies } = (await Bun.file(join(ROOT, 'package.json')).json()) as { dependencies: object };
    const named = Object.entries(dependencies).map(([name, version]) => `${name}@${version}`);
    const own = bom.dependencies.find(({ ref }) => ref === 'pkg:generic/drover@1.2.3')?.dependsOn ?? [];
    const packages = own.filter((ref) => ref.startsWith('pkg:npm/'));
    expect(packages.map((ref) => ref.replace('pkg:npm/', '').replace('%40', '@')).toSorted()).toEqual(named.toSorted());
    expect(own.length).toBe(named.length + 1);
  });

  test('names in its graph only what it lists', () => {
    const refs = new Set(['pkg:generic/drover@1.2.3', ...bom.components.map((one) => one['bom-ref'])]);
    for (const { ref, dependsOn = [] } of bom.dependencies) {
      expect([ref, ...dependsOn].filter((one) => !refs.has(one))).toEqual([]);
    }
    expect(new Set(bom.dependencies.map(({ ref }) => ref))).toEqual(refs);
  });
});

test('the notices hold the licences of what a bundle holds that is in the executable', async () => {
  const file = join(ROOT, 'node_modules/swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt');
  expect(noticesOf(ROOT)).toContain((await Bun.file(file).text()).trim());
});

test('the notices hold the licence of each, or say that it brings none', () => {
  const notices = noticesOf(ROOT);
  const packages = bundledPackages(ROOT);
  for (const { name, version, licence } of packages) {
    expect(licence).not.toBeNull();
    expect(notices).toContain(`\n${name} ${version} (${licence})\n`);
  }
  const without = packages.filter((one) => licenceTexts(one).length === 0).length;
  expect(notices.split('It brings no text of its licence.').length - 1).toBe(without);
  expect(without).toBeLessThan(packages.length / 10);
  expect(notices).toContain('GNU LESSER GENERAL PUBLIC LICENSE');
});
