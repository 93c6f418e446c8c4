// Which command of this Linux brings a library that engines need. Pure but for the reading. Sources: the file lists of the
// distributions' own packages.
import { readReleaseFields } from './operating-system.ts';
import { type System, thisSystem } from './system.ts';

/** What can be brought: a library by its name, or the drivers that a Vulkan loader looks for. */
export type Wanted = 'libgomp.so.1' | 'libstdc++.so.6' | 'libvulkan.so.1' | 'libcurl.so.4' | 'vulkan-driver';

const FAMILIES: Readonly<
  Record<string, { readonly command: string; readonly names: Readonly<Record<Wanted, string>> }>
> = {
  debian: {
    command: 'sudo apt-get install',
    names: {
      'libgomp.so.1': 'libgomp1',
      'libstdc++.so.6': 'libstdc++6',
      'libvulkan.so.1': 'libvulkan1',
      'libcurl.so.4': 'libcurl4',
      'vulkan-driver': 'mesa-vulkan-drivers',
    },
  },
  fedora: {
    command: 'sudo dnf install',
    names: {
      'libgomp.so.1': 'libgomp',
      'libstdc++.so.6': 'libstdc++',
      'libvulkan.so.1': 'vulkan-loader',
      'libcurl.so.4': 'libcurl',
      'vulkan-driver': 'mesa-vulkan-drivers',
    },
  },
  arch: {
    command: 'sudo pacman -S',
    names: {
      'libgomp.so.1': 'gcc-libs',
      'libstdc++.so.6': 'gcc-libs',
      'libvulkan.so.1': 'vulkan-icd-loader',
      'libcurl.so.4': 'curl',
      'vulkan-driver': 'vulkan-radeon vulkan-intel',
    },
  },
  suse: {
    command: 'sudo zypper install',
    names: {
      'libgomp.so.1': 'libgomp1',
      'libstdc++.so.6': 'libstdc++6',
      'libvulkan.so.1': 'libvulkan1',
      'libcurl.so.4': 'libcurl4',
      'vulkan-driver': 'libvulkan_radeon libvulkan_intel',
    },
  },
  alpine: {
    command: 'sudo apk add',
    names: {
      'libgomp.so.1': 'libgomp',
      'libstdc++.so.6': 'libstdc++',
      'libvulkan.so.1': 'vulkan-loader',
      'libcurl.so.4': 'libcurl',
      'vulkan-driver': 'mesa-vulkan-ati mesa-vulkan-intel',
    },
  },
};
const RELATIVES: Readonly<Record<string, string>> = {
  ubuntu: 'debian',
  rhel: 'fedora',
  centos: 'fedora',
  opensuse: 'suse',
};

/** Null: neither the distribution nor one that it descends from is known. `fields` are those of os-release(5). */
export function installCommand(fields: ReadonlyMap<string, string>, wanted: readonly Wanted[]): string | null {
  const ids = `${fields.get('ID') ?? ''} ${fields.get('ID_LIKE') ?? ''}`
    .split(/\s+/)
    .map((id) => id.split('-')[0] ?? '');
  const family = ids.map((id) => FAMILIES[RELATIVES[id] ?? id]).find((one) => one !== undefined);
  if (family === undefined || wanted.length === 0) return null;
  return `${family.command} ${[...new Set(wanted.map((one) => family.names[one]))].join(' ')}`;
}

export const installCommandHere = async (
  wanted: readonly Wanted[],
  system: System = thisSystem,
): Promise<string | null> =>
  system.platform === 'linux' ? installCommand(await readReleaseFields(system), wanted) : null;

export const isWanted = (name: string): name is Wanted => name in (FAMILIES.debian?.names ?? {});
