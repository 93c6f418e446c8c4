// The socket that we listen on, below what the runtime shows of it: found by its port, handed over by its descriptor, put
// in the place of another one. Linux only; everywhere else each function says that it cannot.
// It must never leave a server that looks alive and hears nothing: what fails is said, and the caller closes it.
//
// Why not SO_REUSEPORT, measured on Linux 6.18: two sockets have two queues, and a connection that is in the old one's when
// that is closed is reset (with TCP_DEFER_ACCEPT, which the runtime sets, also every connection that has not spoken yet);
// and once a second socket has been bound to a port that way, the kernel lets any later process of the same user bind it
// too, SO_REUSEPORT taken back or not (`tb->fastreuseport`), and gives that one all the connections. One socket that two
// processes hold has one queue, and nobody can push in.
import { closeSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { type NativeLibrary, openNativeLibrary } from '../hardware/native.ts';

const LIBC = ['libc.so.6', 'libc.musl-x86_64.so.1', 'libc.musl-aarch64.so.1'];
const SIGNATURES = {
  getsockopt: { args: ['i32', 'i32', 'i32', 'ptr', 'ptr'], returns: 'i32' },
  getsockname: { args: ['i32', 'ptr', 'ptr'], returns: 'i32' },
  fcntl: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
  dup3: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
  epoll_ctl: { args: ['i32', 'i32', 'i32', 'ptr'], returns: 'i32' },
} as const;

const AF_INET = 2;
const AF_INET6 = 10;
const SOL_SOCKET = 1;
const SO_ACCEPTCONN = 30;
const O_CLOEXEC = 0o2000000;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
/** `struct sockaddr_storage`. */
const ADDRESS_BYTES = 128;

/** How an epoll instance watches one descriptor: proc_pid_fdinfo(5), "epoll". */
export interface Watching {
  readonly events: number;
  /** What the kernel hands back with each event; the runtime's own pointer. */
  readonly data: bigint;
}

interface Watched extends Watching {
  readonly epoll: number;
  readonly descriptor: number;
}

/**
 * The line of `/proc/self/fdinfo/EPOLL` about a descriptor. Null: it is not watched there, or there are several, since
 * epoll remembers a number together with what it stood for. Pure.
 */
export function watchingOf(fdinfo: string, descriptor: number): Watching | null {
  const line = new RegExp(`^tfd:\\s*${descriptor}\\s+events:\\s*([0-9a-f]+)\\s+data:\\s*([0-9a-f]+)`, 'gm');
  const [only, ...others] = fdinfo.matchAll(line);
  if (only?.[1] === undefined || only[2] === undefined || others.length > 0) return null;
  return { events: Number.parseInt(only[1], 16), data: BigInt(`0x${only[2]}`) };
}

/** `struct epoll_event` (epoll_ctl(2)): packed on x86-64, and there alone. Pure. */
export function epollEvent({ events, data }: Watching, isPacked: boolean): Uint8Array {
  const bytes = new Uint8Array(isPacked ? 12 : 16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, events, true);
  view.setBigUint64(isPacked ? 4 : 8, data, true);
  return bytes;
}

/** The port of a `struct sockaddr_in` or `sockaddr_in6`; null for other families. Pure. */
export function portOf(address: Uint8Array): number | null {
  const view = new DataView(address.buffer, address.byteOffset, address.byteLength);
  const family = view.getUint16(0, true);
  return family === AF_INET || family === AF_INET6 ? view.getUint16(2, false) : null;
}

let libc: NativeLibrary | null | undefined;

function openLibc(): NativeLibrary | null {
  if (libc === undefined) libc = openNativeLibrary(LIBC, SIGNATURES).library;
  return libc !== null && Object.keys(SIGNATURES).every((name) => libc?.has(name) === true) ? libc : null;
}

/** The descriptor on which this process listens at the port; null: none, several, or not to be seen here. */
export function listeningDescriptor(port: number): number | null {
  const system = openLibc();
  if (system === null) return null;
  const [only, ...others] = ownDescriptors().filter((descriptor) => portOfListener(system, descriptor) === port);
  return only === undefined || others.length > 0 ? null : only;
}

/** The port at which a socket listens; null: it is no such socket, or that cannot be told here. */
export function listeningPort(descriptor: number): number | null {
  const system = openLibc();
  return system === null ? null : portOfListener(system, descriptor);
}

/** Keeps an inherited descriptor from our own children. */
export function keepFromChildren(descriptor: number): void {
  openLibc()?.call('fcntl', descriptor, F_SETFD, FD_CLOEXEC);
}

/** Closes an inherited listening socket that is not wanted; anything else under that number is left alone. */
export function discardSocket(descriptor: number): void {
  if (listeningPort(descriptor) !== null) closeQuietly(descriptor);
}

/**
 * Puts the listening socket `inherited` in the place of the one that a server of this process listens on at
 * `placeholderPort`: from then on that server accepts its connections, and the placeholder is gone. False: it was not
 * possible, and the server is to be closed. `inherited` is closed in any case.
 *
 * The runtime watches its sockets by epoll, which goes by descriptor number. So the inherited socket takes over the
 * number, and is watched with the very same data; the placeholder left epoll when its last descriptor was replaced.
 */
export function takePlace(inherited: number, placeholderPort: number): boolean {
  const system = openLibc();
  try {
    if (system === null || portOfListener(system, inherited) === null) return false;
    const place = listeningDescriptor(placeholderPort);
    const watched = place === null ? null : watcherOf(place);
    if (watched === null) return false;
    if (system.call('dup3', inherited, watched.descriptor, O_CLOEXEC) !== watched.descriptor) return false;
    return watch(system, watched);
  } finally {
    closeQuietly(inherited);
  }
}

/**
 * Stops taking connections from a listening socket without closing it: they are for another process that holds it too.
 * Returns the way back (false: it failed), or null where it cannot be done.
 */
export function pauseAccepting(descriptor: number): (() => boolean) | null {
  const system = openLibc();
  const watched = system === null ? null : watcherOf(descriptor);
  if (system === null || watched === null) return null;
  const event = epollEvent(watched, isEventPacked());
  if (system.call('epoll_ctl', watched.epoll, EPOLL_CTL_DEL, descriptor, event) !== 0) return null;
  return () => watch(system, watched);
}

function watch(system: NativeLibrary, watched: Watched): boolean {
  const event = epollEvent(watched, isEventPacked());
  return system.call('epoll_ctl', watched.epoll, EPOLL_CTL_ADD, watched.descriptor, event) === 0;
}

const isEventPacked = (): boolean => process.arch === 'x64';

function watcherOf(descriptor: number): Watched | null {
  const found = ownDescriptors().flatMap((epoll): Watched[] => {
    if (linkOf(epoll) !== 'anon_inode:[eventpoll]') return [];
    const watching = watchingOf(readQuietly(`/proc/self/fdinfo/${epoll}`), descriptor);
    return watching === null ? [] : [{ ...watching, epoll, descriptor }];
  });
  const [only, ...others] = found;
  return only === undefined || others.length > 0 ? null : only;
}

/** Null: no socket, or none that listens. */
function portOfListener(system: NativeLibrary, descriptor: number): number | null {
  const value = new Int32Array(1);
  const size = new Int32Array([value.byteLength]);
  if (system.call('getsockopt', descriptor, SOL_SOCKET, SO_ACCEPTCONN, value, size) !== 0 || value[0] !== 1)
    return null;
  const address = new Uint8Array(ADDRESS_BYTES);
  size[0] = ADDRESS_BYTES;
  return system.call('getsockname', descriptor, address, size) === 0 ? portOf(address) : null;
}

function ownDescriptors(): number[] {
  try {
    return readdirSync('/proc/self/fd').map(Number);
  } catch {
    return [];
  }
}

function linkOf(descriptor: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return '';
  }
}

function readQuietly(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function closeQuietly(descriptor: number): void {
  try {
    closeSync(descriptor);
  } catch {
    // It was none.
  }
}
