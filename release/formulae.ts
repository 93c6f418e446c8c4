// What package managers are told of a release: Homebrew's formula and winget's three manifests. Pure. Sources:
// https://docs.brew.sh/Formula-Cookbook, https://learn.microsoft.com/windows/package-manager/package/manifest
import { stringify } from 'yaml';
import type { ReleaseArchive } from '../src/upgrade/manifest.ts';
import type { TargetName } from './targets.ts';

export interface FormulaSource {
  readonly version: string;
  /** The folder that has the files of this very version, without a slash at its end. */
  readonly url: string;
  /** `YYYY-MM-DD`; null: unknown. */
  readonly day: string | null;
  readonly archives: readonly ReleaseArchive[];
}

const DESCRIPTION = 'Makes a machine serve language models by llama.cpp';
const SCHEMA_VERSION = '1.12.0';

/** Who publishes, and where the project is, by the address: an account of a host of repositories, else the host itself. */
export function publisherOf(url: string): { readonly name: string; readonly homepage: string } {
  const { origin, host, pathname } = new URL(url);
  const [owner = '', project = ''] = pathname.split('/').filter((part) => part !== '');
  const isRepository = pathname.includes('/releases/') && owner !== '' && project !== '';
  return isRepository
    ? { name: owner, homepage: `${origin}/${owner}/${project}` }
    : { name: host, homepage: url.replace(/\/$/, '') };
}

/** Ruby; the file is `drover.rb`. Throws where the release lacks one of the systems. */
export function homebrewFormula(source: FormulaSource): string {
  const { homepage } = publisherOf(source.url);
  const of = (target: TargetName): string => {
    const { fileName, sha256 } = archiveOf(source, target);
    return `url "${source.url}/${fileName}"\n      sha256 "${sha256}"`;
  };
  return `class Drover < Formula
  desc "${DESCRIPTION}"
  homepage "${homepage}"
  version "${source.version}"
  license "MIT"

  on_macos do
    on_arm do
      ${of('darwin-arm64')}
    end
    on_intel do
      ${of('darwin-x64')}
    end
  end

  on_linux do
    on_arm do
      ${of('linux-arm64')}
    end
    on_intel do
      ${of('linux-x64')}
    end
  end

  def install
    bin.install "drover"
    man1.install "drover.1"
    bash_completion.install "completions/drover.bash" => "drover"
    zsh_completion.install "completions/_drover"
    fish_completion.install "completions/drover.fish"
    pwsh_completion.install "completions/drover.ps1" => "_drover.ps1"
    doc.install "THIRD_PARTY_NOTICES.txt"
  end

  service do
    run [opt_bin/"drover", "serve", "--yes"]
    keep_alive successful_exit: false
    log_path var/"log/drover.log"
    error_log_path var/"log/drover.log"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/drover version")
    system bin/"drover", "self-test"
  end
end
`;
}

/** By file name, as winget's repository has them. */
export function wingetManifests(source: FormulaSource): Readonly<Record<string, string>> {
  const { name: publisher, homepage } = publisherOf(source.url);
  const id = `${publisher.replace(/[^A-Za-z0-9-]/g, '')}.Drover`;
  const about = { PackageIdentifier: id, PackageVersion: source.version };
  const write = (kind: string, fields: object): string =>
    `# yaml-language-server: $schema=https://aka.ms/winget-manifest.${kind}.${SCHEMA_VERSION}.schema.json\n\n${stringify(
      { ...about, ...fields, ManifestType: kind, ManifestVersion: SCHEMA_VERSION },
      { lineWidth: 0 },
    )}`;
  const installer = (target: TargetName, architecture: string) => {
    const { fileName, sha256, program } = archiveOf(source, target);
    return {
      Architecture: architecture,
      InstallerUrl: `${source.url}/${fileName}`,
      InstallerSha256: sha256.toUpperCase(),
      NestedInstallerFiles: [
        { RelativeFilePath: `${program.folder}\\${program.name}`, PortableCommandAlias: 'drover' },
      ],
    };
  };
  return {
    [`${id}.yaml`]: write('version', { DefaultLocale: 'en-US' }),
    [`${id}.installer.yaml`]: write('installer', {
      InstallerType: 'zip',
      NestedInstallerType: 'portable',
      ...(source.day === null ? {} : { ReleaseDate: source.day }),
      Installers: [installer('windows-x64', 'x64'), installer('windows-arm64', 'arm64')],
    }),
    [`${id}.locale.en-US.yaml`]: write('defaultLocale', {
      PackageLocale: 'en-US',
      Publisher: publisher,
      PackageName: 'Drover',
      PackageUrl: homepage,
      License: 'MIT',
      ShortDescription: DESCRIPTION,
      Moniker: 'drover',
      Tags: ['ai', 'llama-cpp', 'llm', 'openai'],
    }),
  };
}

function archiveOf({ archives, version }: FormulaSource, target: TargetName): ReleaseArchive {
  const found = archives.find((archive) => archive.target === target);
  if (found === undefined) throw new Error(`the release ${version} has nothing for ${target}`);
  return found;
}
