// What the server's surroundings say: who may reach it, the proxies and the clock that it lives with, the configuration.
// Judgements only.
import type { Settings } from '../config/schema.ts';
import { clockCommand, unproxiedCommand } from '../hardware/system-commands.ts';
import { type Finding, finding } from './finding.ts';

export interface ConfigurationWarnings {
  readonly path: string;
  readonly warnings: readonly { readonly line: number; readonly column: number; readonly message: string }[];
}

export function* configurationFindings({ path, warnings }: ConfigurationWarnings): Generator<Finding, void, void> {
  if (warnings.length === 0) yield finding('ok', 'config-good', 'config', `${path} is well formed.`);
  for (const { line, column, message } of warnings) {
    yield finding('note', 'config-questionable', 'config', `${path}:${line}:${column}: ${message}`, {
      subject: path,
      command: 'drover config edit',
    });
  }
}

export interface Exposure {
  readonly settings: Pick<Settings, 'listen' | 'insecure' | 'auth' | 'requireApiKey' | 'corsOrigins'>;
  /** Whether the host of `listen` is this machine's own. */
  readonly isLoopback: boolean;
  /** There is a key or a user. */
  readonly isAnybodyKnown: boolean;
}

export function* exposureFindings({ settings, isLoopback, isAnybodyKnown }: Exposure): Generator<Finding, void, void> {
  const { listen, insecure, auth, requireApiKey, corsOrigins } = settings;
  if (!isLoopback && insecure && !auth && !requireApiKey) {
    yield finding('error', 'exposed', 'safety', 'Whoever reaches this machine may use the server without a key.', {
      hint: 'Take "insecure" away, and give each program a key: drover keys add NAME',
      evidence: [
        `listen: ${listen}`,
        'insecure: true',
        isAnybodyKnown ? 'there are keys, and they are not asked for' : 'there is no key',
      ],
      command: 'drover config unset insecure',
    });
  }
  if (corsOrigins.includes('*')) {
    yield finding(isLoopback ? 'warning' : 'error', 'origins-open', 'safety', 'Every web page may use the server.', {
      hint: 'Name the pages that may: corsOrigins: [https://chat.example.org]',
      evidence: [`corsOrigins: ${corsOrigins.join(', ')}`],
      command: 'drover config unset corsOrigins',
    });
  }
}

const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'];

/** Variables count in both spellings. Names and passwords in them are not shown. */
export function* proxyFindings(
  environment: Readonly<Record<string, string | undefined>>,
): Generator<Finding, void, void> {
  const valueNamed = (name: string): string => environment[name] ?? environment[name.toLowerCase()] ?? '';
  const given = PROXIES.filter((name) => valueNamed(name) !== '');
  if (given.length === 0) return;
  const spared = valueNamed('NO_PROXY');
  const isSpared = spared === '*' || /(^|[\s,])(localhost|127\.0\.0\.1)($|[\s,])/.test(spared);
  yield finding(
    isSpared ? 'ok' : 'note',
    'proxy-set',
    'network',
    isSpared
      ? 'Downloads go through a proxy.'
      : 'Downloads go through a proxy, and other programs may send even what is for this machine there.',
    {
      hint: isSpared ? null : 'Drover itself never does; programs that use it may.',
      evidence: [
        ...given.map((name) => `${name}=${valueNamed(name).replace(/\/\/[^@/]*@/, '//…@')}`),
        `NO_PROXY=${spared}`,
      ],
      command: isSpared ? null : unproxiedCommand(),
    },
  );
}

const DAY_MS = 86_400_000;

/** `knownAt`: times that have passed for certain, such as that of our own source; epoch milliseconds. */
export function* clockFindings(
  now: number,
  knownAt: readonly { readonly what: string; readonly at: number }[],
): Generator<Finding, void, void> {
  const ahead = knownAt.filter(({ at }) => at > now + DAY_MS);
  if (ahead.length === 0) return;
  yield finding('error', 'clock-wrong', 'system', 'The clock of this machine is behind.', {
    hint: 'Certificates and log-ins do not work by such a clock.',
    evidence: [
      `now: ${new Date(now).toISOString()}`,
      ...ahead.map(({ what, at }) => `${what}: ${new Date(at).toISOString()}`),
    ],
    command: clockCommand(),
  });
}
