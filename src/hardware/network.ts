// What went over the network since the machine started. It must never count a byte twice: bridges, tunnels and
// loopback carry again what a real interface carries.
import { within } from './deadline.ts';
import type { SurveyedTraffic } from './survey.ts';
import { type System, thisSystem } from './system.ts';

export interface NetworkTraffic {
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

const TIMEOUT_MS = 5000;
// Kinds by name, where the system does not say what is behind an interface.
const VIRTUAL_NAMES =
  /^(lo|docker|br-|virbr|vmnet|veth|vnet|ifb|dummy|tun|tap|tunl|wg|utun|ipsec|sit|ip6|gre|erspan|bond|team|vlan|vxlan|cni|flannel|cali|gif|stf|awdl|llw|anpi|bridge|zt|tailscale)|loopback|pseudo|isatap|teredo|vethernet/i;

/** Null where nobody tells. */
export async function readNetwork(system: System = thisSystem): Promise<NetworkTraffic | null> {
  if (system.platform === 'linux') return readLinuxTraffic(system);
  const nothing: readonly SurveyedTraffic[] = [];
  const { value } = await within('the network', { timeoutMs: TIMEOUT_MS }, nothing, async () => ({
    value: await system.surveyTraffic(),
    notes: [],
  }));
  return sumOf(value.filter(({ name }) => !VIRTUAL_NAMES.test(name)));
}

async function readLinuxTraffic(system: System): Promise<NetworkTraffic | null> {
  const text = await system.readText('/proc/net/dev');
  if (text === null) return null;
  const interfaces = parseNetDev(text);
  const isReal = await Promise.all(interfaces.map(({ name }) => hasDevice(system, name)));
  const real = interfaces.filter((_, at) => isReal[at]);
  // In a container the only way out is virtual itself.
  return sumOf(real.length > 0 ? real : interfaces.filter(({ name }) => !VIRTUAL_NAMES.test(name)));
}

/** `  eth0: BYTES packets errs drop fifo frame compressed multicast BYTES …` (proc_pid_net(5)). */
export function parseNetDev(text: string): SurveyedTraffic[] {
  const found: SurveyedTraffic[] = [];
  for (const match of text.matchAll(/^\s*([^\s:]+(?::\d+)?):\s*(\d+)((?:\s+\d+){7})\s+(\d+)/gm)) {
    found.push({ name: match[1] ?? '', receivedBytes: Number(match[2]), sentBytes: Number(match[4]) });
  }
  return found;
}

const hasDevice = async (system: System, name: string): Promise<boolean> =>
  (await system.listFolder(`/sys/class/net/${name}`)).includes('device');

function sumOf(interfaces: readonly SurveyedTraffic[]): NetworkTraffic | null {
  if (interfaces.length === 0) return null;
  let [sentBytes, receivedBytes] = [0, 0];
  for (const entry of interfaces) {
    sentBytes += entry.sentBytes;
    receivedBytes += entry.receivedBytes;
  }
  return { sentBytes, receivedBytes };
}
