// The one error class. A kind says what happened, a blame says whose it is, and the status and the exit code of a
// kind are written here once. It must never know a wire shape: each dialect draws its own envelope from a Fault.

/** What happened, in words that every dialect can translate. */
export type FaultKind =
  | 'bad_request'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'method_not_allowed'
  | 'timeout'
  | 'conflict'
  | 'too_large'
  | 'unsupported_media_type'
  | 'unprocessable'
  | 'rate_limited'
  | 'cancelled'
  | 'internal'
  | 'not_supported'
  | 'bad_gateway'
  | 'unavailable'
  | 'does_not_fit'
  | 'disk_full'
  | 'not_writable'
  | 'offline'
  | 'port_taken'
  | 'already_running'
  | 'config_invalid'
  | 'engine_unobtainable';

/** Whose fault it is: the caller's, ours, the engine's (a llama-server child), the machine's or a remote host's. */
export type Blame = 'caller' | 'drover' | 'engine' | 'machine' | 'remote';

interface KindFacts {
  readonly status: number;
  readonly exitCode: number;
  readonly blame: Blame;
}

// Exit codes: 0 well, 1 our own error, 2 wrong words, 3 not found, 4 refused, 5 does not fit, 6 engine, 7 network,
// 8 port taken, 9 data directory (not writable, full, in use), 10 configuration, 130 interrupted.
const KINDS: Record<FaultKind, KindFacts> = {
  bad_request: { status: 400, exitCode: 2, blame: 'caller' },
  unauthorized: { status: 401, exitCode: 4, blame: 'caller' },
  forbidden: { status: 403, exitCode: 4, blame: 'caller' },
  not_found: { status: 404, exitCode: 3, blame: 'caller' },
  method_not_allowed: { status: 405, exitCode: 2, blame: 'caller' },
  timeout: { status: 408, exitCode: 1, blame: 'drover' },
  conflict: { status: 409, exitCode: 4, blame: 'caller' },
  too_large: { status: 413, exitCode: 2, blame: 'caller' },
  unsupported_media_type: { status: 415, exitCode: 2, blame: 'caller' },
  unprocessable: { status: 422, exitCode: 2, blame: 'caller' },
  rate_limited: { status: 429, exitCode: 4, blame: 'caller' },
  cancelled: { status: 499, exitCode: 130, blame: 'caller' },
  internal: { status: 500, exitCode: 1, blame: 'drover' },
  not_supported: { status: 501, exitCode: 2, blame: 'caller' },
  bad_gateway: { status: 502, exitCode: 6, blame: 'engine' },
  unavailable: { status: 503, exitCode: 6, blame: 'drover' },
  does_not_fit: { status: 507, exitCode: 5, blame: 'machine' },
  disk_full: { status: 507, exitCode: 9, blame: 'machine' },
  not_writable: { status: 500, exitCode: 9, blame: 'machine' },
  offline: { status: 503, exitCode: 7, blame: 'remote' },
  port_taken: { status: 409, exitCode: 8, blame: 'machine' },
  already_running: { status: 409, exitCode: 9, blame: 'machine' },
  config_invalid: { status: 400, exitCode: 10, blame: 'caller' },
  engine_unobtainable: { status: 503, exitCode: 6, blame: 'remote' },
};

export interface FaultOptions {
  /** The next step, as a sentence or a command. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** Overrides the kind's usual blame. */
  readonly blame?: Blame | undefined;
  /** Facts for machines: near names, a retry time, log lines. Never secrets. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

export class Fault extends Error {
  readonly kind: FaultKind;
  readonly blame: Blame;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(kind: FaultKind, message: string, options: FaultOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Fault';
    this.kind = kind;
    this.blame = options.blame ?? KINDS[kind].blame;
    this.hint = options.hint;
    this.details = options.details ?? {};
  }
}

/** All of them. */
export const FAULT_KINDS = Object.keys(KINDS) as readonly FaultKind[];

/** HTTP status of a kind. */
export const statusOf = (kind: FaultKind): number => KINDS[kind].status;

/** Process exit code of a fault; documented in the README. A wrong answer of a remote host is the network's, not the engine's. */
export const exitCodeOf = ({ kind, blame }: Pick<Fault, 'kind' | 'blame'>): number =>
  kind === 'bad_gateway' && blame === 'remote' ? KINDS.offline.exitCode : KINDS[kind].exitCode;

/** Wraps anything thrown; a Fault passes through, an abort becomes `cancelled`, a full disk and missing rights get their kinds. */
export function toFault(thrown: unknown, fallback: FaultKind = 'internal'): Fault {
  if (thrown instanceof Fault) return thrown;
  if (thrown instanceof Error) {
    if (thrown.name === 'AbortError')
      return new Fault('cancelled', 'The request was cancelled.', {
        cause: thrown,
      });
    if (thrown.name === 'TimeoutError') return new Fault('timeout', 'It took too long.', { cause: thrown });
    const code = errorCode(thrown);
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      return new Fault('disk_full', `The disk is full: ${thrown.message}`, {
        cause: thrown,
        hint: 'Free some space, then try again.',
      });
    }
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
      return new Fault('not_writable', `Not permitted: ${thrown.message}`, {
        cause: thrown,
      });
    }
    return new Fault(fallback, thrown.message, { cause: thrown });
  }
  return new Fault(fallback, String(thrown), { cause: thrown });
}

/** The `code` of a system error (`ENOENT`, `EADDRINUSE`), or null. */
export function errorCode(thrown: unknown): string | null {
  if (thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string') return thrown.code;
  return null;
}
