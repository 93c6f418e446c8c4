// `drover doctor`: what is wrong and how to mend it, each finding with its evidence. It changes nothing.

import { findings as findingsOf, found } from '../core/findings.ts';
import { withCore } from './assembly.ts';
import { findServer } from './client.ts';
import type { Run } from './command-line.ts';
import { configurationWarnings } from './config-file.ts';
import { dim, green, print, printJson, red, tell, yellow } from './terminal.ts';

export const doctor: Run = async (call) => {
  const options = { configWarnings: () => configurationWarnings(call.config.paths.configFile) };
  const findings = await withCore(call, (core) => Array.fromAsync(findingsOf({ ...core, ...options })));
  const client = await findServer(call.config.paths);
  const hint = 'Start one with "drover serve".';
  findings.unshift(
    client === null
      ? found('note', 'server-none', 'server', 'No server runs on this data directory.', hint)
      : found(
          'ok',
          'server-running',
          'server',
          `A server runs at ${client.server.url} (process ${client.server.pid}).`,
          null,
        ),
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
