// Which hosts a download may talk to: patterns of names, plain http, and addresses that are not the internet's.
// It must never let a redirect or a DNS answer lead into the user's own network unless that host was named.
import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { Fault } from './fault.ts';
import { untilAborted } from './sync.ts';

export interface HostPattern {
  /** `http:`: plain http is fine for this host; null: https only, once a request has begun there. */
  readonly protocol: 'http:' | 'https:' | null;
  /** Lower case, IPv6 in brackets; begins with `.` for `*.suffix`. */
  readonly host: string;
  /** `''` stands for the scheme's own port. */
  readonly port: string;
  readonly isSuffix: boolean;
}

// Loopback, private, link-local, shared (CGNAT), benchmarking, multicast, reserved and unspecified ranges of the
// IANA special-purpose registries (RFC 6890). The documentation ranges are left out: nothing of a user's lives there.
const PRIVATE_IPV4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];
const PRIVATE_IPV6: readonly (readonly [string, number])[] = [
  ['::', 128],
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['2002::', 16],
  ['ff00::', 8],
];

const privateAddresses = new BlockList();
for (const [address, bits] of PRIVATE_IPV4) {
  privateAddresses.addSubnet(address, bits, 'ipv4');
  // The same hosts written as IPv4-mapped IPv6 and through NAT64 (RFC 6052).
  privateAddresses.addSubnet(`::ffff:${address}`, 96 + bits, 'ipv6');
  privateAddresses.addSubnet(`64:ff9b::${address}`, 96 + bits, 'ipv6');
}
for (const [address, bits] of PRIVATE_IPV6) privateAddresses.addSubnet(address, bits, 'ipv6');

/** Whether an address (not a name) belongs to the machine or its own network; a malformed one counts as private. */
export function isPrivateAddress(address: string): boolean {
  const bare = address.replace(/^\[|\]$/g, '').replace(/%.*$/, '');
  const family = isIP(bare);
  if (family === 0) return true;
  return privateAddresses.check(bare, family === 6 ? 'ipv6' : 'ipv4');
}

function parsePattern(text: string): HostPattern | null {
  const match = /^(?:(https?:)\/\/)?(\*\.)?(\[[0-9a-f:.]+\]|[^/:*\s]+)(?::(\d{1,5}))?\/?$/i.exec(text.trim());
  if (match === null) return null;
  const [, protocol, wildcard, host = '', port = ''] = match;
  const name = host.toLowerCase().replace(/\.$/, '');
  return {
    protocol: protocol === undefined ? null : protocol.toLowerCase() === 'http:' ? 'http:' : 'https:',
    host: wildcard === undefined ? name : `.${name}`,
    port,
    isSuffix: wildcard !== undefined,
  };
}

function matches(pattern: HostPattern, url: URL): boolean {
  const host = url.hostname.toLowerCase().replace(/\.$/, '');
  const usualPort = url.protocol === 'https:' ? '443' : '80';
  if ((pattern.port || usualPort) !== (url.port || usualPort)) return false;
  if (pattern.protocol === 'https:' && url.protocol !== 'https:') return false;
  return pattern.isSuffix ? host.endsWith(pattern.host) && host.length > pattern.host.length : host === pattern.host;
}

/** `scheme://host:port/path` without query, fragment and credentials: signed addresses carry secrets there. */
export const bareAddress = (url: URL): string => `${url.protocol}//${url.host}${url.pathname}`;

/**
 * Throws a Fault unless this address may be asked. Patterns: `host` (the scheme's own port), `host:port`, `*.suffix`
 * (any name below it), each optionally behind `http://`, which allows a redirect from https down to plain http there.
 * A host in the user's own network passes only when a pattern without `*` names it.
 *
 * The name is resolved here and once more by the request itself, so an answer that changes in between is not caught;
 * what is allowed at all is still only what the patterns name.
 */
export async function requireAllowed(
  url: URL,
  allowedHosts: readonly string[],
  previous: URL | null,
  signal?: AbortSignal,
): Promise<void> {
  const named = requireListed(url, allowedHosts, previous);
  const isDowngrade = previous?.protocol === 'https:' && url.protocol === 'http:';
  if (isDowngrade && !named.some((pattern) => pattern.protocol === 'http:')) {
    throw refusal(`${previous.host} redirects from https to plain http (${url.host}), which is not followed.`, url);
  }
  if (named.some((pattern) => !pattern.isSuffix)) return;
  for (const address of await addressesOf(url, signal)) {
    if (!isPrivateAddress(address)) continue;
    throw refusal(`${url.host} leads to ${address}, an address of the local network${originOf(previous)}.`, url);
  }
}

const originOf = (previous: URL | null): string => (previous === null ? '' : ` (sent there by ${previous.host})`);

/** The part of it that needs no look at the network. Gives the patterns that name the host. */
export function requireListed(
  url: URL,
  allowedHosts: readonly string[],
  previous: URL | null = null,
): readonly HostPattern[] {
  const origin = originOf(previous);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw refusal(`Only http and https are downloaded from, not ${url.protocol}//…${origin}.`, url);
  }
  if (url.username !== '' || url.password !== '') {
    throw refusal(`An address with a user name in it is not downloaded from: ${bareAddress(url)}${origin}.`, url);
  }
  const named = allowedHosts
    .map(parsePattern)
    .filter((pattern): pattern is HostPattern => pattern !== null && matches(pattern, url));
  if (named.length === 0) {
    throw refusal(`${url.host} is not among the hosts that downloads may come from${origin}.`, url);
  }
  return named;
}

async function addressesOf(url: URL, signal: AbortSignal | undefined): Promise<readonly string[]> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0) return [host];
  // These names are the machine itself whatever a resolver says (RFC 6761 §6.3).
  if (/(^|\.)localhost\.?$/i.test(host)) return ['127.0.0.1'];
  try {
    return (await untilAborted(lookup(host, { all: true }), signal)).map((answer) => answer.address);
  } catch (thrown) {
    if (signal?.aborted === true) throw thrown;
    // Behind a proxy names may be resolvable by the proxy only; without one the request itself will say that it fails.
    return [];
  }
}

function refusal(message: string, url: URL): Fault {
  return new Fault('forbidden', message, {
    hint: `Add it to downloadHosts in the configuration if you trust it: ${url.host}`,
    details: { host: url.host },
  });
}
