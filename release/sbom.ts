// The bill of materials of the executable. Format: CycloneDX 1.6, JSON (https://cyclonedx.org/docs/1.6/json/); names by
// package URL (https://github.com/package-url/purl-spec).
import { createHash } from 'node:crypto';
import { bundledPackages, type Package } from './packages.ts';

export interface SbomSource {
  readonly root: string;
  readonly version: string;
  readonly commit: string | null;
  /** Epoch seconds; null: unknown, and nothing is said. */
  readonly sourceSeconds: number | null;
}

/** The same for the same source. */
export function sbomOf({ root, version, commit, sourceSeconds }: SbomSource): string {
  const packages = bundledPackages(root);
  const own = `pkg:generic/drover@${version}`;
  const runtime = `pkg:github/oven-sh/bun@bun-v${Bun.version}`;
  const urls = new Map(packages.map((one) => [one.path, purlOf(one)]));
  const direct = [...new Set(packages.filter(({ isDirect }) => isDirect).map(purlOf))];
  const body = {
    version: 1,
    metadata: {
      ...(sourceSeconds === null ? {} : { timestamp: new Date(sourceSeconds * 1000).toISOString() }),
      component: {
        type: 'application',
        'bom-ref': own,
        name: 'drover',
        version,
        licenses: [{ license: { id: 'MIT' } }],
        purl: own,
        ...(commit === null ? {} : { pedigree: { commits: [{ uid: commit }] } }),
      },
    },
    components: [
      {
        type: 'platform',
        'bom-ref': runtime,
        name: 'bun',
        version: Bun.version,
        description: 'The runtime that the executable carries, with JavaScriptCore and SQLite in it',
        licenses: [{ license: { id: 'MIT' } }],
        purl: runtime,
      },
      ...uniqueBy(packages, purlOf).map(componentOf),
    ],
    dependencies: [
      { ref: own, dependsOn: [runtime, ...direct] },
      { ref: runtime },
      ...uniqueBy(packages, purlOf).map((one) => dependencyOf(one, urls)),
    ],
  };
  const serial = uuidOf(JSON.stringify(body));
  return `${JSON.stringify({ $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json', bomFormat: 'CycloneDX', specVersion: '1.6', serialNumber: `urn:uuid:${serial}`, ...body }, null, 2)}\n`;
}

/** A scope's `@` is written `%40`. */
const purlOf = ({ name, version }: Package): string => `pkg:npm/${name.replace(/^@/, '%40')}@${version}`;

function uniqueBy<T>(all: readonly T[], keyOf: (one: T) => string): T[] {
  return [...new Map(all.map((one) => [keyOf(one), one])).values()];
}

function componentOf(one: Package) {
  const scoped = /^(@[^/]+)\/(.+)$/.exec(one.name);
  return {
    type: 'library',
    'bom-ref': purlOf(one),
    ...(scoped === null ? { name: one.name } : { group: scoped[1], name: scoped[2] }),
    version: one.version,
    ...(one.sha512 === null ? {} : { hashes: [{ alg: 'SHA-512', content: one.sha512 }] }),
    ...(one.licence === null ? {} : { licenses: [licenceOf(one.licence)] }),
    purl: purlOf(one),
  };
}

/** An identifier, or what is put together of several. */
const licenceOf = (text: string) =>
  /[\s()]/.test(text) ? { expression: text.replace(/^\((.*)\)$/, '$1') } : { license: { id: text } };

function dependencyOf(one: Package, urls: ReadonlyMap<string, string>) {
  const dependsOn = [...new Set(one.needs.map((need) => urls.get(need) ?? need))];
  return { ref: purlOf(one), ...(dependsOn.length === 0 ? {} : { dependsOn }) };
}

/** Version 5 of RFC 9562: of a name, by SHA-1. */
function uuidOf(name: string): string {
  const bytes = createHash('sha1').update(name).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
