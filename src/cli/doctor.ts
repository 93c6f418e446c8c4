// `drover doctor`: what is wrong and how to mend it, each finding with its evidence. It changes nothing.

import { toFault } from '../base/fault.ts';
import { readConfig } from '../config/document.ts';
import { type OpenedCore, withCore } from './assembly.ts';
import { findServer } from './client.ts';
import type { Call, Run } from './command-line.ts';
import { hardwareLines } from './first-run.ts';
import { dim, green, print, printJson, red, tell, yellow } from './terminal.ts';

export interface Finding {
  readonly severity: 'ok' | 'note' | 'warning' | 'error';
  readonly topic: string;
  readonly message: string;
  readonly hint: string | null;
}

const LOW_DISK_BYTES = 2 * 1024 ** 3;

export const doctor: Run = async (call) => {
  const findings = [...configuration(call), ...(await withCore(call, look))];
  const client = await findServer(call.config.paths);
  findings.unshift(
    client === null
      ? {
          severity: 'note',
          topic: 'server',
          message: 'No server runs on this data directory.',
          hint: 'Start one with "drover serve".',
        }
      : {
          severity: 'ok',
          topic: 'server',
          message: `A server runs at ${client.server.url} (process ${client.server.pid}).`,
          hint: null,
        },
  );
  if (call.isJson) printJson(findings);
  else {
    const marks = { ok: green('✓'), note: dim('·'), warning: yellow('!'), error: red('✗') };
    for (const finding of findings) {
      print(`${marks[finding.severity]} ${finding.topic.padEnd(9)} ${finding.message}`);
      if (finding.hint !== null) print(`            ${finding.hint}`);
    }
  }
  const hasError = findings.some((finding) => finding.severity === 'error');
  if (hasError && !call.isJson) tell('Something needs mending.');
  return hasError ? 1 : 0;
};

function configuration(call: Call): Finding[] {
  const file = call.config.paths.configFile;
  const { warnings } = readConfig(file).parsed;
  if (warnings.length === 0)
    return [{ severity: 'ok', topic: 'config', message: `${file} is well formed.`, hint: null }];
  return warnings.map((warning) => ({
    severity: 'note',
    topic: 'config',
    message: `${file}:${warning.line}:${warning.column}: ${warning.message}`,
    hint: null,
  }));
}

async function look(core: OpenedCore): Promise<Finding[]> {
  const findings: Finding[] = [];
  const snapshot = await core.drover.hardware();
  for (const line of hardwareLines(snapshot))
    findings.push({ severity: 'ok', topic: 'hardware', message: line.trim(), hint: null });
  for (const note of snapshot.notes) findings.push({ severity: 'note', topic: 'hardware', message: note, hint: null });
  for (const disk of snapshot.disks) {
    if (disk.freeBytes === null || disk.freeBytes > LOW_DISK_BYTES) continue;
    findings.push({
      severity: 'warning',
      topic: 'disk',
      message: `${disk.path} has less than 2 GiB left.`,
      hint: 'Free some space there.',
    });
  }
  findings.push(...(await engineFindings(core)));
  await core.drover
    .rescan()
    .catch((thrown: unknown) =>
      findings.push({ severity: 'error', topic: 'models', message: toFault(thrown).message, hint: null }),
    );
  const models = core.drover.models();
  const broken = models.filter((model) => model.failure !== null);
  findings.push({
    severity: 'ok',
    topic: 'models',
    message: `${models.length - broken.length} usable models.`,
    hint: null,
  });
  for (const model of broken) {
    findings.push({ severity: 'warning', topic: 'models', message: `${model.id}: ${model.failure}`, hint: model.path });
  }
  return findings;
}

async function engineFindings(core: OpenedCore): Promise<Finding[]> {
  const findings: Finding[] = [];
  const { ladder } = await core.choice.request();
  const current = core.engines.current();
  if (current === null) {
    findings.push({
      severity: 'warning',
      topic: 'engine',
      message: 'No engine is installed.',
      hint: 'Bring one with "drover engine install".',
    });
  } else {
    const best = ladder.find((rung) => rung.isOffered);
    const isBest = best === undefined || best.backend === current.backend || current.source === 'given';
    findings.push({
      severity: isBest ? 'ok' : 'warning',
      topic: 'engine',
      message: `${current.id}: llama.cpp ${current.version}, ${current.backend}, proof ${current.proof === null ? 'not made' : current.proof.isGood ? `good on ${current.proof.bufferDevices.join(', ')}` : `failed: ${current.proof.reason}`}.`,
      hint: isBest ? null : `This machine could use ${best?.backend}: ${best?.reason}. Try "drover engine update".`,
    });
  }
  for (const { rung, failures } of core.engines.ladderStatus(ladder)) {
    for (const failure of failures) {
      findings.push({
        severity: 'warning',
        topic: 'engine',
        message: `${rung.backend} (${failure.id}) failed: ${failure.reason}`,
        hint: 'It is tried again after a driver or engine change.',
      });
    }
  }
  return findings;
}
