// Reads macOS kernel values by name, all in one run of /usr/sbin/sysctl. It must never fail as a whole because one name is unknown:
// names come and go with versions of macOS and kinds of Mac.
import type { System } from './system.ts';

/** Values by name, as `sysctl` prints them (`name: value`); unknown names are absent. */
export async function readSysctl(system: System, names: readonly string[]): Promise<Map<string, string>> {
  const { stdout } = await system.run(['/usr/sbin/sysctl', ...names], { timeoutMs: 2000 });
  const values = new Map<string, string>();
  for (const line of stdout.split('\n')) {
    const at = line.indexOf(': ');
    if (at > 0) values.set(line.slice(0, at), line.slice(at + 2).trim());
  }
  return values;
}
