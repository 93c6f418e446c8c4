// The port that a command of the user's is given: from `startPort` on the first that is nobody's, wherever the command
// listens. It must never give one away that another engine has or an instance is reached at, though nobody listens there yet.
import { isIP } from 'node:net';
import { Fault } from '../base/fault.ts';
import { firstFreePort } from '../base/port.ts';

/** What a command says of where it will answer. */
export interface PortSeeker {
  readonly argv: readonly string[];
  readonly baseUrl: string;
}

const LOOPBACK = '127.0.0.1';

/** Throws `unavailable` where all ports up to the last are taken. */
export function givenPort(seeker: PortSeeker, startPort: number, taken: ReadonlySet<number>): number {
  const port = firstFreePort(startPort, taken, listeningHosts(seeker));
  if (port !== null) return port;
  throw new Fault('unavailable', `No port is free from ${startPort} on.`, {
    hint: 'Set startPort to a lower number: drover config set startPort 8100',
    blame: 'machine',
    details: { startPort },
  });
}

/**
 * The addresses on which a port has to be free: the one that we ask at, and each that the command names
 * (`--host 0.0.0.0`, `--bind=[::1]:8100`). One that is another machine's does no harm: nothing can be bound there. Pure.
 */
export function listeningHosts({ argv, baseUrl }: PortSeeker): string[] {
  const asked = URL.canParse(baseUrl) ? [new URL(baseUrl).hostname] : [];
  return [...new Set([LOOPBACK, ...[...argv.slice(1), ...asked].flatMap(addressesIn)])];
}

function addressesIn(word: string): string[] {
  const value = word.replace(/^--?[\w-]+=/, '');
  const [, bracketed, plain = value] = /^(?:\[([^\]]+)\]|([^:]+))(?::\d+)?$/.exec(value) ?? [];
  const host = bracketed ?? plain;
  if (host === 'localhost') return [LOOPBACK, '::1'];
  return isIP(host) === 0 ? [] : [host];
}
