// Addresses to listen on and names that callers use: parsed once, strictly. Pure.
import { isIP } from 'node:net';
import { Fault } from '../base/fault.ts';

export interface Address {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

/** `host`, `host:port`, `[v6]:port` as in a Host header; null when it is none. Lower case, no trailing dot. */
export function splitAuthority(authority: string): { readonly host: string; readonly port: number | null } | null {
  const found = /^(?:\[([0-9a-f:.]+)\]|([^\s:[\]/@\\?#%<>^|]+))(?::(\d{1,5}))?$/i.exec(authority);
  if (found === null) return null;
  const port = found[3] === undefined ? null : Number(found[3]);
  if (port !== null && port > 65_535) return null;
  const v6 = found[1];
  if (v6 !== undefined && isIP(v6) !== 6) return null;
  return { host: (v6 ?? found[2] ?? '').toLowerCase().replace(/\.$/, ''), port };
}

/** As it stands in an address, and as `parseAddress` reads it. */
export const authorityOf = ({ host, port }: Address): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;

/** `HOST:PORT`, `:PORT`, `PORT` or `HOST` (then port 5800). Throws `bad_request`. */
export function parseAddress(text: string): Address {
  const wrong = (): Fault =>
    new Fault('bad_request', `"${text}" is no address to listen on.`, {
      hint: 'Write HOST:PORT, such as 127.0.0.1:5800.',
    });
  const trimmed = text.trim();
  if (/^:?\d+$/.test(trimmed)) {
    const port = Number(trimmed.replace(':', ''));
    if (port > 65_535) throw wrong();
    return { host: '127.0.0.1', port };
  }
  if (isIP(trimmed) === 6) return { host: trimmed.toLowerCase(), port: 5800 };
  const parts = splitAuthority(trimmed);
  if (parts === null || parts.host === '') throw wrong();
  return { host: parts.host === '*' ? '0.0.0.0' : parts.host, port: parts.port ?? 5800 };
}

/** True for names and addresses that only this machine reaches. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[|\]$/g, '');
  if (name === 'localhost' || name === '::1' || name === '0:0:0:0:0:0:0:1') return true;
  return isIP(name) === 4 ? name.startsWith('127.') : /^::ffff:127\./.test(name);
}

export const isIpLiteral = (host: string): boolean => isIP(host) !== 0;
