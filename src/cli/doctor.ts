// `drover doctor`: what is wrong and how to mend it, each finding with its evidence. The running server is asked, since it knows
// more; where none runs, this looks for itself. It changes nothing but with `--fix`, and then only what is safe.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Log } from '../base/log.ts';
import { isFreePort } from '../base/port.ts';
import { FileLock } from '../base/sync.ts';
import { environment } from '../config/load.ts';
import type { Paths } from '../config/paths.ts';
import { Doctor, type Mended } from '../core/doctor.ts';
import { byWeight, type Finding, finding } from '../core/finding.ts';
import { Reaper } from '../engine/reaper.ts';
import { endCommand } from '../hardware/system-commands.ts';
import { authorityOf, parseAddress } from '../server/address.ts';
import { portHolder } from '../server/port-holder.ts';
import { withCore } from './assembly.ts';
import { findServer, type ServerClient } from './client.ts';
import type { Call, Run } from './command-line.ts';
import { readServerFile, removeServerFile } from './server-file.ts';
import { surroundingsOf } from './surroundings.ts';
import { bold, dim, green, print, printJson, red, tell, yellow } from './terminal.ts';

export const doctor: Run = async (call) => {
  const client = await findServer(call.config.paths);
  const isFixing = call.options.fix === true;
  const { done, findings } =
    client === null ? await lookAlone(call, isFixing) : await askServer(client, call, isFixing);
  if (call.isJson) printJson(isFixing ? { done, findings } : findings);
  else {
    for (const line of done) print(`${green('✓')} ${line}`);
    for (const one of findings) show(one);
  }
  const hasError = findings.some(({ severity }) => severity === 'error');
  if (call.isJson) return hasError ? 1 : 0;
  const canFix = findings.some(({ fix }) => fix !== null);
  if (hasError) tell('Something needs mending.');
  if (canFix) tell(`${bold('drover doctor --fix', process.stderr)} mends what is safe to mend.`);
  return hasError ? 1 : 0;
};

const MARKS = { ok: green('✓'), note: dim('·'), warning: yellow('!'), error: red('✗') };

function show({ severity, topic, message, hint, evidence, command }: Finding): void {
  print(`${MARKS[severity]} ${topic.padEnd(9)} ${message}`);
  // What is well needs no proof.
  if (severity === 'ok') return;
  for (const line of evidence) print(dim(`            ${line}`));
  if (hint !== null) print(`            ${hint}`);
  if (command !== null) print(`            ${bold(command)}`);
}

const deepQuery = (call: Call): string => (call.options.deep === true ? '?deep=true' : '');

async function askServer(client: ServerClient, call: Call, isFixing: boolean): Promise<Mended> {
  const running = finding(
    'ok',
    'server-running',
    'server',
    `A server runs at ${client.server.url} (process ${client.server.pid}).`,
  );
  const mended = isFixing
    ? await client.post<Mended>('/drover/doctor/fix', {}, call.signal)
    : { done: [], ...(await client.get<{ findings: readonly Finding[] }>(`/drover/doctor${deepQuery(call)}`)) };
  return { done: mended.done, findings: byWeight([...mended.findings, running]) };
}

async function lookAlone(call: Call, isFixing: boolean): Promise<Mended> {
  const { paths } = call.config;
  if (call.options.deep === true) return lookDeeply(call);
  mkdirSync(paths.data, { recursive: true });
  // One that starts, or is too busy to answer, has it: then nothing here is left over.
  using lock = FileLock.tryTake(paths.lock);
  const done = isFixing && lock !== null ? await mendAlone(call) : [];
  const around = lock === null ? [silentFinding(paths)] : await aroundFindings(call);
  const { done: mended, findings } = await withCore(call, async (core) => {
    const doctor = new Doctor({
      ...core,
      surroundings: surroundingsOf({ ...core, paths, environment: environment() }),
    });
    return isFixing ? doctor.mend(call.signal) : { done: [], findings: await doctor.examine(call.signal) };
  });
  return { done: [...done, ...mended], findings: byWeight([...around, ...findings]) };
}

/** Who knows what was downloaded is a server: one for the time of this. */
async function lookDeeply(call: Call): Promise<Mended> {
  const { startQuietly } = await import('./serve.ts');
  await using server = await startQuietly(call);
  const answer = await server.client.get<{ findings: readonly Finding[] }>('/drover/doctor?deep=true');
  return { done: [], findings: answer.findings };
}

function silentFinding({ data, serverFile }: Paths): Finding {
  const server = readServerFile(serverFile);
  return finding('error', 'server-silent', 'server', `A server has ${data}, and does not answer.`, {
    hint: 'It may be starting, or hang: look at its log, and end it if it stays so.',
    evidence: [server === null ? 'it has not said its address yet' : `process ${server.pid} at ${server.url}`],
    command: server === null ? null : endCommand(server.pid),
  });
}

/** What only somebody without a running server has to look for. */
async function aroundFindings(call: Call): Promise<readonly Finding[]> {
  const { paths, settings } = call.config;
  const found = [
    finding('note', 'server-none', 'server', 'No server runs on this data directory.', { command: 'drover serve' }),
  ];
  const stale = readServerFile(paths.serverFile);
  if (stale !== null) {
    found.push(
      finding('note', 'server-stale', 'server', 'A server that is gone has left its word behind.', {
        hint: 'The next one replaces it.',
        evidence: [`${paths.serverFile} names process ${stale.pid} at ${stale.url}`],
        command: 'drover doctor --fix',
        fix: 'remove',
      }),
    );
  }
  const orphans = leftBehind(paths).leftBehind();
  if (orphans.length > 0) {
    found.push(
      finding(
        'warning',
        'orphans',
        'engine',
        `${orphans.length === 1 ? 'A process' : `${orphans.length} processes`} of an earlier server still run${orphans.length === 1 ? 's' : ''}.`,
        {
          hint: 'They hold memory; the next server ends them.',
          evidence: orphans.map(({ pid, name }) => `process ${pid}${name === null ? '' : ` (${name})`}`),
          command: 'drover doctor --fix',
          fix: 'end-orphans',
        },
      ),
    );
  }
  return [...found, ...(await portFindings(settings.listen))];
}

async function portFindings(listen: string): Promise<readonly Finding[]> {
  const { host, port } = parseAddress(listen);
  if (port === 0 || isFreePort(port, [host])) return [];
  const holder = await portHolder(port);
  const who =
    holder === null ? 'who has it cannot be seen by this user' : `process ${holder.pid} (${holder.name}) has it`;
  return [
    finding('error', 'port-taken', 'server', `The address ${listen} is taken by another program.`, {
      hint: 'End that one, or choose another port:',
      evidence: [who],
      command: `drover serve --listen ${authorityOf({ host, port: 0 })}`,
    }),
  ];
}

async function mendAlone({ config: { paths } }: Call): Promise<readonly string[]> {
  const done: string[] = [];
  const stale = readServerFile(paths.serverFile);
  if (stale !== null) {
    removeServerFile(paths.serverFile, stale.pid);
    done.push(`Removed ${paths.serverFile}.`);
  }
  const reaper = leftBehind(paths);
  const orphans = reaper.leftBehind();
  await reaper.reapFully(REAP_MS);
  for (const { pid } of orphans) done.push(`Ended process ${pid}.`);
  return done;
}

const REAP_MS = 5000;

const leftBehind = (paths: Paths): Reaper =>
  new Reaper(join(paths.children, 'records'), new Log({ level: 'error', sinks: [] }));
