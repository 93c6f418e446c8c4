// What `systeminformation` tells of macOS and Windows where no file and no library does. It is loaded on first use and
// starts programs (system_profiler, PowerShell), so it must never be asked at start-up, nor on Linux.

export interface SurveyedHost {
  readonly bios: { readonly vendor: string; readonly version: string; readonly releaseDate: string };
  readonly modules: readonly { readonly type: string; readonly clockSpeed: number | null }[];
  readonly drives: readonly { readonly type: string; readonly interfaceType: string; readonly size: number }[];
}

export interface SurveyedTraffic {
  readonly name: string;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

export async function surveyHost(): Promise<SurveyedHost | null> {
  try {
    const { bios, diskLayout, memLayout } = await import('systeminformation');
    const [firmware, modules, drives] = await Promise.all([bios(), memLayout(), diskLayout()]);
    return {
      // Types say that all are there; what a system does not tell is absent, null or empty.
      bios: {
        vendor: firmware.vendor || '',
        version: firmware.version || '',
        releaseDate: firmware.releaseDate || '',
      },
      modules: modules.map(({ type, clockSpeed }) => ({ type: type || '', clockSpeed: clockSpeed ?? null })),
      drives: drives.map(({ type, interfaceType, size }) => ({
        type: type || '',
        interfaceType: interfaceType || '',
        size: size || 0,
      })),
    };
  } catch {
    return null;
  }
}

export async function surveyTraffic(): Promise<readonly SurveyedTraffic[]> {
  try {
    const { networkStats } = await import('systeminformation');
    return (await networkStats('*')).map((entry) => ({
      name: entry.iface,
      receivedBytes: entry.rx_bytes,
      sentBytes: entry.tx_bytes,
    }));
  } catch {
    return [];
  }
}
