// Tells systemd that the server is ready, is stopping, and is alive: datagrams to the socket that it names. Nothing is sent where
// nobody asked. Sources: sd_notify(3), unix(7).
import { type NativeLibrary, type NativeSignatures, openNativeLibrary } from '../hardware/native.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const LIBRARIES = ['libc.so.6', 'libc.musl-x86_64.so.1', 'libc.musl-aarch64.so.1'];

const SOCKETS: NativeSignatures = {
  socket: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
  sendto: { args: ['i32', 'ptr', 'u64', 'i32', 'ptr', 'u32'], returns: 'i32' },
  close: { args: ['i32'], returns: 'i32' },
};

export interface Notifier {
  ready(): void;
  stopping(): void;
}

const NOBODY: Notifier = { ready: () => undefined, stopping: () => undefined };

/**
 * Of the process that the manager watches. Its watchdog is fed from the event loop, half as often as it wants, until the process
 * ends: one that hangs is started again.
 */
export function openNotifier(environment: Environment): Notifier {
  const path = environment.NOTIFY_SOCKET ?? '';
  if (process.platform !== 'linux' || !/^[/@]/.test(path)) return NOBODY;
  const { library } = openNativeLibrary(LIBRARIES, SOCKETS);
  if (library === null) return NOBODY;
  const send = (text: string): void => sendTo(library, path, text);
  const watchdogMs = watchdogOf(environment);
  return {
    ready() {
      send('READY=1');
      if (watchdogMs !== null) setInterval(() => send('WATCHDOG=1'), watchdogMs / 2).unref();
    },
    stopping: () => send('STOPPING=1'),
  };
}

/** Null: none wants to be fed, or not by this process. */
export function watchdogOf(environment: Environment, pid = process.pid): number | null {
  const wanted = Number(environment.WATCHDOG_USEC ?? Number.NaN);
  const whose = environment.WATCHDOG_PID ?? '';
  if (!Number.isFinite(wanted) || wanted <= 0 || (whose !== '' && Number(whose) !== pid)) return null;
  return wanted / 1000;
}

function sendTo(library: NativeLibrary, path: string, text: string): void {
  const descriptor = Number(library.call('socket', AF_UNIX, SOCK_DGRAM_CLOEXEC, 0) ?? -1);
  if (descriptor < 0) return;
  const message = Buffer.from(text);
  const address = addressOf(path);
  library.call('sendto', descriptor, message, message.length, 0, address, address.length);
  library.call('close', descriptor);
}

/** A `sockaddr_un`: the family, then the path; `@` stands for the zero byte of an abstract name. */
export function addressOf(path: string): Buffer {
  const name = Buffer.from(path);
  if (name[0] === 0x40) name[0] = 0;
  const address = Buffer.alloc(2 + name.length + (name[0] === 0 ? 0 : 1));
  address.writeUInt16LE(AF_UNIX, 0);
  name.copy(address, 2);
  return address;
}
