// `drover doctor`: what is wrong and how to mend it, each finding with its evidence. It changes nothing.

import { readConfig } from '../config/document.ts';
import { type Finding, findings as findingsOf } from '../core/findings.ts';
import { withCore } from './assembly.ts';
import { findServer } from './client.ts';
import type { Call, Run } from './command-line.ts';
import { dim, green, print, printJson, red, tell, yellow } from './terminal.ts';

export const doctor: Run = async (call) => {
  const findings = [...configuration(call), ...(await withCore(call, (core) => Array.fromAsync(findingsOf(core))))];
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
