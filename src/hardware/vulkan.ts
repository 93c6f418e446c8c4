// Whether programs can use GPUs through Vulkan here: the loader, and the files that name drivers to it. Nothing of either is
// started. Source: the Vulkan loader's own documentation of driver discovery on Linux.
import { type System, thisSystem } from './system.ts';

export interface VulkanParts {
  readonly hasLoader: boolean;
  /** Paths of the files that name drivers. */
  readonly drivers: readonly string[];
}

const FOLDERS = ['/usr/share/vulkan/icd.d', '/usr/local/share/vulkan/icd.d', '/etc/vulkan/icd.d'];

/** Null on systems other than Linux, where drivers bring all of it. `given`: what `VK_DRIVER_FILES` names. */
export async function readVulkanParts(given: string, system: System = thisSystem): Promise<VulkanParts | null> {
  if (system.platform !== 'linux') return null;
  const { library } = system.openLibrary(['libvulkan.so.1'], {
    vkGetInstanceProcAddr: { args: ['ptr', 'ptr'], returns: 'ptr' },
  });
  library?.close();
  const named = given.split(':').filter((path) => path !== '');
  const found = await Promise.all(
    FOLDERS.map(async (folder) =>
      (await system.listFolder(folder)).filter((name) => name.endsWith('.json')).map((name) => `${folder}/${name}`),
    ),
  );
  return { hasLoader: library !== null, drivers: named.length > 0 ? named : found.flat() };
}
