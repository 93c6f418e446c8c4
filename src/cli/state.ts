// Verbs that show how things are: ps, status, logs, version.
import { statSync } from 'node:fs';
import { formatLogLine, type LogLine } from '../base/log.ts';
import type { DroverStatus } from '../core/drover.ts';
import type { Instance } from '../core/vocabulary.ts';
import { withModels } from './assembly.ts';
import { findServer, jsonLines, requireServer } from './client.ts';
import type { Run } from './command-line.ts';
import { bytesText, dim, durationText, green, print, printJson, red, table, tell, yellow } from './terminal.ts';
import { summary, verdictLines } from './verdict-text.ts';
import { VERSION } from './version.ts';

const paintState = (instance: Instance): string => {
  if (instance.state === 'ready') return green('ready');
  return instance.state === 'failed' ? red('failed') : yellow(instance.state);
};

export const ps: Run = async (call) => {
  const client = await requireServer(call.config.paths);
  const { instances } = await client.get<{ instances: Instance[] }>('/drover/instances');
  const shown = instances.filter((instance) => instance.state !== 'stopped');
  if (call.isJson) {
    printJson(shown);
    return 0;
  }
  if (shown.length === 0) {
    tell('No model is loaded.');
    return 0;
  }
  print(
    table(
      ['MODEL', 'STATE', 'PID', 'MEMORY', 'BUSY', 'IDLE', 'VERDICT'],
      shown.map((instance) => [
        instance.modelId + (instance.isPinned ? dim(' (pinned)') : ''),
        paintState(instance),
        instance.pid === null ? '—' : String(instance.pid),
        memoryWords(instance),
        `${instance.requestsInFlight}${instance.requestsQueued > 0 ? ` (+${instance.requestsQueued})` : ''}`,
        instance.requestsInFlight > 0 || instance.lastUsedAt === null
          ? '—'
          : durationText(Date.now() - instance.lastUsedAt),
        instance.failure ??
          (instance.verdict === null ? '—' : `${verdictWord(instance)}: ${summary(instance.verdict)}`),
      ]),
    ),
  );
  for (const instance of shown) {
    if (instance.verdict !== null && instance.verdict.outcome !== 'as_planned') {
      print(`${instance.modelId}:`);
      for (const line of verdictLines(instance.verdict)) print(line);
    }
  }
  return 0;
};

const verdictWord = (instance: Instance): string => {
  const outcome = instance.verdict?.outcome;
  if (outcome === 'as_planned') return green('as planned');
  return outcome === 'degraded' ? yellow('degraded') : red('failed');
};

const memoryWords = (instance: Instance): string => {
  const bytes = instance.verdict?.measuredBytes ?? instance.reservedBytes;
  return Object.entries(bytes)
    .map(([device, amount]) => `${device} ${bytesText(amount)}`)
    .join(', ');
};

const keptText = (keeper: DroverStatus['keeper']): string =>
  keeper === null ? '' : `, kept running by ${[keeper.kind, keeper.name].filter((word) => word !== null).join(': ')}`;

export const status: Run = async (call) => {
  const client = await findServer(call.config.paths);
  const found =
    client !== null
      ? await client.get<DroverStatus>('/drover/status')
      : await withModels(call, (drover) => drover.status());
  const isRunning = client !== null;
  if (call.isJson) {
    printJson({ isRunning, ...found });
    return isRunning ? 0 : 3;
  }
  print(
    isRunning
      ? `${green('running')} since ${durationText(Date.now() - found.startedAt)} at ${found.urls.join(', ')}`
      : red('not running'),
  );
  print(`version     ${isRunning ? found.version : VERSION}`);
  if (isRunning) print(`process     ${found.pid}${keptText(found.keeper)}`);
  print(`data        ${found.dataFolder}`);
  print(
    `engine      ${found.engine === null ? red(found.engineFailure ?? 'none') : `llama.cpp ${found.engine.version}, ${found.engine.backend} (${found.engine.source})`}`,
  );
  print(`models      ${found.modelCount}`);
  for (const device of found.budget) {
    print(`${device.device.padEnd(11)} ${bytesText(device.reservedBytes)} of ${bytesText(device.budgetBytes)} in use`);
  }
  for (const instance of found.instances)
    if (instance.state !== 'stopped') print(`  ${instance.modelId}  ${paintState(instance)}`);
  return isRunning ? 0 : 3;
};

export const logs: Run = async (call) => {
  const client = await requireServer(call.config.paths);
  const [model] = call.words;
  const query = new URLSearchParams({ limit: String(call.options.lines ?? 100) });
  if (typeof model === 'string') query.set('model', model);
  if (call.options.follow === true) query.set('follow', 'true');
  const response = await client.send('GET', `/drover/logs?${query}`, undefined, call.signal);
  for await (const line of jsonLines<LogLine>(response))
    print(call.isJson ? JSON.stringify(line) : formatLogLine(line));
  return 0;
};

export const version: Run = async (call) => {
  const facts = {
    version: VERSION,
    bun: Bun.version,
    executable: process.execPath,
    sizeBytes: statSync(process.execPath).size,
  };
  if (call.isJson) printJson(facts);
  else print(`drover ${VERSION} (Bun ${Bun.version})`);
  return 0;
};
