// Which of two Debian versions is newer (deb-version(7)), and whether a version meets a constraint. Pure.

export type Relation = '<<' | '<=' | '=' | '>=' | '>>';

interface Version {
  readonly epoch: number;
  readonly upstream: string;
  readonly revision: string;
}

export function parseVersion(text: string): Version {
  const colon = text.indexOf(':');
  const rest = text.slice(colon + 1);
  const dash = rest.lastIndexOf('-');
  return {
    epoch: colon < 0 ? 0 : Number.parseInt(text, 10) || 0,
    upstream: dash < 0 ? rest : rest.slice(0, dash),
    revision: dash < 0 ? '' : rest.slice(dash + 1),
  };
}

/** Negative when `left` is older, positive when it is newer, 0 when they are equal. */
export function compareVersions(left: string, right: string): number {
  const a = parseVersion(left);
  const b = parseVersion(right);
  return a.epoch - b.epoch || compareParts(a.upstream, b.upstream) || compareParts(a.revision, b.revision);
}

export function meets(version: string, relation: Relation, wanted: string): boolean {
  const order = compareVersions(version, wanted);
  if (relation === '<<') return order < 0;
  if (relation === '<=') return order <= 0;
  if (relation === '=') return order === 0;
  if (relation === '>=') return order >= 0;
  return order > 0;
}

/** Stretches without digits and numbers in turn, as dpkg does. */
function compareParts(left: string, right: string): number {
  let a = left;
  let b = right;
  while (a !== '' || b !== '') {
    const textA = /^\D*/.exec(a)?.[0] ?? '';
    const textB = /^\D*/.exec(b)?.[0] ?? '';
    for (let at = 0; at < Math.max(textA.length, textB.length); at += 1) {
      const order = weight(textA[at]) - weight(textB[at]);
      if (order !== 0) return order;
    }
    a = a.slice(textA.length);
    b = b.slice(textB.length);
    const digitsA = /^\d*/.exec(a)?.[0] ?? '';
    const digitsB = /^\d*/.exec(b)?.[0] ?? '';
    const numberA = digitsA.replace(/^0+/, '');
    const numberB = digitsB.replace(/^0+/, '');
    const order = numberA.length - numberB.length || (numberA < numberB ? -1 : numberA > numberB ? 1 : 0);
    if (order !== 0) return order;
    a = a.slice(digitsA.length);
    b = b.slice(digitsB.length);
  }
  return 0;
}

/** `~` before the end, the end before letters, letters before everything else. */
function weight(character: string | undefined): number {
  if (character === undefined) return 0;
  if (character === '~') return -1;
  const code = character.charCodeAt(0);
  return /[A-Za-z]/.test(character) ? code : code + 256;
}
