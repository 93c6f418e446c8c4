// Ties a child's whole process group to our own life on Linux: when we die, however we die, the kernel itself sends
// SIGKILL to the group, forked helpers included. It must never run anything at our death: there is nobody left to run it.
//
// How: the child inherits the read end of a pipe that is never written, and only we hold the write end. The read end has
// an owner (fcntl F_SETOWN: the child's group), a signal (F_SETSIG: SIGKILL) and O_ASYNC, so the hang-up that our death
// causes is a SIGKILL to the group; see fcntl(2), "Managing signals". PR_SET_PDEATHSIG, by contrast, covers the direct
// child only, and in its usual form (`bun --no-orphans`) it also kills us when a shell that started us ends.
import { dlopen, ptr } from 'bun:ffi';
import { closeSync } from 'node:fs';

const O_CLOEXEC = 0o2000000;
const O_ASYNC = 0o20000;
const F_SETFL = 4;
const F_SETOWN = 8;
const F_SETSIG = 10;
const SIGKILL = 9;

const SYMBOLS = {
  pipe2: { args: ['ptr', 'i32'], returns: 'i32' },
  fcntl: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
} as const;

type Libc = ReturnType<typeof dlopen<typeof SYMBOLS>>['symbols'];

let libc: Libc | null | undefined;

function openLibc(): Libc | null {
  if (process.platform !== 'linux') return null;
  const musl = `libc.musl-${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}.so.1`;
  for (const name of ['libc.so.6', musl]) {
    try {
      return dlopen(name, SYMBOLS).symbols;
    } catch {
      // The other C library, then.
    }
  }
  return null;
}

/** One pipe, made before the child and tied to its group after. `null` where the system has no such thing. */
export class Lifeline {
  /** To be given to the child as an extra descriptor. */
  readonly childDescriptor: number;
  readonly #writeDescriptor: number;
  readonly #libc: Libc;
  #isChildEndOpen = true;
  #isOpen = true;

  private constructor(symbols: Libc, childDescriptor: number, writeDescriptor: number) {
    this.#libc = symbols;
    this.childDescriptor = childDescriptor;
    this.#writeDescriptor = writeDescriptor;
  }

  static make(): Lifeline | null {
    if (libc === undefined) libc = openLibc();
    if (libc === null) return null;
    const ends = new Int32Array(2);
    if (libc.pipe2(ptr(ends), O_CLOEXEC) !== 0) return null;
    return new Lifeline(libc, ends[0] ?? -1, ends[1] ?? -1);
  }

  /** Makes the group of `leaderPid` die with us and closes our copy of the child's end. False: the kernel refused. */
  tie(leaderPid: number): boolean {
    const descriptor = this.childDescriptor;
    const isTied =
      this.#libc.fcntl(descriptor, F_SETOWN, -leaderPid) === 0 &&
      this.#libc.fcntl(descriptor, F_SETSIG, SIGKILL) === 0 &&
      this.#libc.fcntl(descriptor, F_SETFL, O_ASYNC) === 0;
    this.#closeChildEnd();
    return isTied;
  }

  /** Lets go: what still lives in the group dies now. The kernel holds the group itself, so no later process is hit. */
  cut(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#closeChildEnd();
    closeSync(this.#writeDescriptor);
  }

  #closeChildEnd(): void {
    if (!this.#isChildEndOpen) return;
    this.#isChildEndOpen = false;
    closeSync(this.childDescriptor);
  }
}
