// The drive that holds a path: what kind it is and how large. It must never believe a virtual drive's word about
// spinning: hypervisors leave the kernel's default there, and a guess would be shown as a fact.
import { type Mount, mountOf, parseMounts } from './mounts.ts';
import type { System } from './system.ts';

/** `flash` is an SD card or eMMC. */
export type DriveKind = 'ssd' | 'hdd' | 'nvme' | 'flash';

export interface Drive {
  /** Null where it is virtual, unknown, or where drives of several kinds stand together. */
  readonly kind: DriveKind | null;
  /** Of the whole drive, not of the partition; of the volume where it spans several drives. */
  readonly sizeBytes: number | null;
}

export const UNKNOWN_DRIVE: Drive = { kind: null, sizeBytes: null };

const BLOCKS = '/sys/class/block';
// The kernel counts sizes in these, whatever the drive's own sectors (Documentation/ABI/stable/sysfs-block).
const SECTOR_BYTES = 512;
// Crypt on LVM on RAID on partitions is four.
const MAX_DEPTH = 8;

export async function readDrive(system: System, path: string): Promise<Drive> {
  return system.platform === 'linux' ? readLinuxDrive(system, path) : readSurveyedDrive(system);
}

async function readLinuxDrive(system: System, path: string): Promise<Drive> {
  const [real, table] = await Promise.all([system.realPath(path), system.readText('/proc/self/mountinfo')]);
  const mount = mountOf(parseMounts(table ?? ''), real);
  const block = mount === null ? null : await blockOf(system, mount);
  if (block === null) return UNKNOWN_DRIVE;
  const disks = [...new Set(await disksBelow(system, block, MAX_DEPTH))];
  const kinds = new Set(await Promise.all(disks.map((disk) => kindOf(system, disk))));
  const [kind = null] = kinds;
  const [disk] = disks;
  if (disk === undefined) return UNKNOWN_DRIVE;
  return {
    kind: kinds.size === 1 ? kind : null,
    sizeBytes: isHostless(disk) ? null : await sizeOf(system, disks.length === 1 ? disk : block),
  };
}

// A container's root is an overlay, a network's file system has no device: both are 0:N, and so is btrfs, which at least names its source.
async function blockOf(system: System, mount: Mount): Promise<string | null> {
  const named = await deviceName(system, `/sys/dev/block/${mount.device}`);
  if (named !== null) return named;
  if (!mount.source.startsWith('/dev/')) return null;
  const mapped = /^\/dev\/mapper\/(.+)$/.exec(mount.source)?.[1];
  if (mapped !== undefined) return mappedBlock(system, mapped);
  // `/dev/disk/by-uuid/…` is a link.
  const name = (await system.realPath(mount.source)).split('/').at(-1) ?? '';
  return deviceName(system, `${BLOCKS}/${name}`);
}

const deviceName = async (system: System, folder: string): Promise<string | null> =>
  /^DEVNAME=(.+)$/m.exec((await system.readText(`${folder}/uevent`)) ?? '')?.[1]?.replaceAll('/', '!') ?? null;

async function mappedBlock(system: System, wanted: string): Promise<string | null> {
  for (const name of (await system.listFolder(BLOCKS)).filter((entry) => entry.startsWith('dm-'))) {
    if ((await system.readText(`${BLOCKS}/${name}/dm/name`))?.trim() === wanted) return name;
  }
  return null;
}

// LVM, RAID and encryption stand on their slaves, a partition on its disk.
async function disksBelow(system: System, block: string, depth: number): Promise<string[]> {
  if (depth === 0) return [];
  const slaves = await system.listFolder(`${BLOCKS}/${block}/slaves`);
  if (slaves.length > 0) {
    return (await Promise.all(slaves.map((slave) => disksBelow(system, slave, depth - 1)))).flat();
  }
  if ((await system.readText(`${BLOCKS}/${block}/partition`)) === null) return [block];
  for (const disk of await system.listFolder('/sys/block')) {
    if (!block.startsWith(disk)) continue;
    if ((await system.readText(`/sys/block/${disk}/${block}/partition`)) !== null) return [disk];
  }
  return [];
}

/** Blocks behind which no drive of this machine is: memory, files, the network, a mapping onto nothing. */
const isHostless = (disk: string): boolean => /^(loop|ram|zram|nbd|rbd|fd|sr|dm-|md)\d/.test(disk);
const VIRTUAL_MODELS = /qemu|vmware|vbox|virtual|msft|google|persistentdisk|xen|amazon|kvm|ceph|iscsi/i;

async function kindOf(system: System, disk: string): Promise<DriveKind | null> {
  if (/^nvme\d/.test(disk)) return 'nvme';
  if (/^mmcblk\d/.test(disk)) return 'flash';
  if (isHostless(disk) || /^(x?vd)[a-z]/.test(disk)) return null;
  const folder = `/sys/block/${disk}`;
  const [rotational, removable, vendor, model] = await Promise.all(
    ['queue/rotational', 'removable', 'device/vendor', 'device/model'].map((name) =>
      system.readText(`${folder}/${name}`),
    ),
  );
  if (VIRTUAL_MODELS.test(`${vendor ?? ''} ${model ?? ''}`)) return null;
  if (rotational?.trim() === '0') return 'ssd';
  // A stick that does not say is taken for a disk that spins.
  return rotational?.trim() === '1' && removable?.trim() !== '1' ? 'hdd' : null;
}

async function sizeOf(system: System, block: string): Promise<number | null> {
  const text = (await system.readText(`${BLOCKS}/${block}/size`))?.trim() ?? '';
  return /^[1-9]\d*$/.test(text) ? Number(text) * SECTOR_BYTES : null;
}

// Which of several drives holds a path is not told there: then nothing is.
async function readSurveyedDrive(system: System): Promise<Drive> {
  const [drive, ...others] = (await system.surveyHost())?.drives ?? [];
  if (drive === undefined || others.length > 0) return UNKNOWN_DRIVE;
  const words = `${drive.interfaceType} ${drive.type}`;
  const kind = /nvme|pci/i.test(words) ? 'nvme' : /ssd/i.test(words) ? 'ssd' : /\bhd\b|hdd/i.test(words) ? 'hdd' : null;
  return { kind, sizeBytes: drive.size > 0 ? drive.size : null };
}
