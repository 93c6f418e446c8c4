// Reads the firmware's own table: its BIOS and its memory modules. Format: DMTF DSP0134, "System Management BIOS".
// It must never read past a structure's stated length, nor take a filler text for a name.

export interface FirmwareTable {
  readonly bios: { readonly vendor: string | null; readonly version: string | null; readonly date: string | null };
  readonly modules: readonly MemoryModule[];
}

export interface MemoryModule {
  /** `DDR4`, `LPDDR5`, …; null where the firmware says something vague. */
  readonly type: string | null;
  /** Millions of transfers per second, as it runs; what vendors print as MHz. */
  readonly megaTransfers: number | null;
}

// Memory Device (type 17), offset 12h.
const MEMORY_TYPES: Readonly<Record<number, string>> = {
  18: 'DDR',
  19: 'DDR2',
  24: 'DDR3',
  26: 'DDR4',
  27: 'LPDDR',
  28: 'LPDDR2',
  29: 'LPDDR3',
  30: 'LPDDR4',
  32: 'HBM',
  33: 'HBM2',
  34: 'DDR5',
  35: 'LPDDR5',
  36: 'HBM3',
};

export function parseFirmwareTable(table: Uint8Array): FirmwareTable {
  let bios: FirmwareTable['bios'] = { vendor: null, version: null, date: null };
  const modules: MemoryModule[] = [];
  for (let at = 0; at + 4 <= table.length; ) {
    const [type = 0, length = 0] = table.subarray(at, at + 2);
    const end = endOfStructure(table, at + length);
    if (length < 4 || end === null) break;
    const body = table.subarray(at, at + length);
    const strings = new TextDecoder('latin1').decode(table.subarray(at + length, end - 1)).split('\0');
    const textAt = (offset: number): string | null => firmwareText(strings[(body[offset] ?? 0) - 1]);
    if (type === 0) bios = { vendor: textAt(4), version: textAt(5), date: firmwareDate(textAt(8)) };
    if (type === 17) {
      const module = moduleOf(body);
      if (module !== null) modules.push(module);
    }
    // End-of-table.
    if (type === 127) break;
    at = end;
  }
  return { bios, modules };
}

// The strings end with an empty one: two zero bytes in a row.
function endOfStructure(table: Uint8Array, from: number): number | null {
  for (let at = from; at + 2 <= table.length; at += 1) if (table[at] === 0 && table[at + 1] === 0) return at + 2;
  return null;
}

function moduleOf(body: Uint8Array): MemoryModule | null {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const wordAt = (offset: number): number => (offset + 2 <= body.length ? view.getUint16(offset, true) : 0);
  const longAt = (offset: number): number => (offset + 4 <= body.length ? view.getUint32(offset, true) : 0);
  // A size of 0 is an empty slot.
  if (wordAt(0x0c) === 0) return null;
  const speedAt = (offset: number, extended: number): number => {
    const speed = wordAt(offset);
    return speed === 0xffff ? longAt(extended) : speed;
  };
  const speed = speedAt(0x20, 0x58) || speedAt(0x15, 0x54);
  return { type: MEMORY_TYPES[body[0x12] ?? 0] ?? null, megaTransfers: speed > 0 ? speed : null };
}

const FILLERS =
  /^(to be filled( by)?.*|default( string)?|not (specified|available|applicable|present|settable|set|provided)|none|null|undefined|unknown|n\/?a|o\.?e\.?m\.?|oem string|invalid|empty|(system|base board|chassis) (manufacturer|version|name|product name)|[0.\-_x*? ]+)$/i;

/** A text of the firmware, or null where it is one that its maker forgot to fill in. */
export function firmwareText(text: string | null | undefined): string | null {
  const clean = text?.replaceAll('\0', '').replace(/\s+/g, ' ').trim() ?? '';
  return clean === '' || FILLERS.test(clean) ? null : clean;
}

/** `04/01/2014` (month first, as the format asks) as `2014-04-01`; what is no such date is left as it stands. */
export function firmwareDate(text: string | null): string | null {
  const [, month, day, year] = /^(\d{2})\/(\d{2})\/(\d{4}|\d{2})$/.exec(text ?? '') ?? [];
  if (month === undefined || day === undefined || year === undefined) return text;
  if (Number(month) < 1 || Number(month) > 12 || Number(day) < 1 || Number(day) > 31) return null;
  // Of two digits the century is the last one, the format says.
  return `${year.length === 2 ? `19${year}` : year}-${month}-${day}`;
}
