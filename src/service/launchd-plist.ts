// launchd: the text of the property list, and what launchctl is told. Pure. Sources: launchd.plist(5), launchctl(1).
import { join } from 'node:path';
import { type ServiceJob, type ServicePlan, step, tryStep } from './job.ts';
import { xmlText } from './xml.ts';

export const LABEL = 'local.drover';

export function launchdPlist(job: ServiceJob, logFolder: string): string {
  const text = (value: string): string => `<string>${xmlText(value)}</string>`;
  const log = text(join(logFolder, 'drover.service.log'));
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    '<!-- Written by "drover service install"; "drover service uninstall" takes it away. -->',
    '<plist version="1.0">',
    '<dict>',
    `  <key>Label</key>${text(LABEL)}`,
    '  <key>ProgramArguments</key>',
    '  <array>',
    ...job.argv.map((value) => `    ${text(value)}`),
    '  </array>',
    '  <key>EnvironmentVariables</key>',
    `  <dict><key>DROVER_DATA_DIR</key>${text(job.dataFolder)}</dict>`,
    '  <key>RunAtLoad</key><true/>',
    // Only what ends badly is started again; a stop is a stop.
    '  <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>',
    '  <key>ThrottleInterval</key><integer>5</integer>',
    // Jobs in the background get slow processors only.
    `  <key>ProcessType</key>${text('Interactive')}`,
    '  <key>ExitTimeOut</key><integer>60</integer>',
    '  <key>Umask</key><integer>63</integer>',
    '  <key>SoftResourceLimits</key><dict><key>NumberOfFiles</key><integer>65536</integer></dict>',
    `  <key>StandardErrorPath</key>${log}`,
    `  <key>StandardOutPath</key>${log}`,
    '</dict>',
    '</plist>',
    '',
  ].join('\n');
}

export interface LaunchdPlace {
  /** Of the person. */
  readonly home: string;
  readonly userId: number;
}

export function launchdPlan(job: ServiceJob, { home, userId }: LaunchdPlace): ServicePlan {
  const isSystem = job.scope === 'system';
  const domain = isSystem ? 'system' : `gui/${userId}`;
  const folder = isSystem ? '/Library/LaunchDaemons' : join(home, 'Library', 'LaunchAgents');
  const logFolder = isSystem ? '/Library/Logs' : join(home, 'Library', 'Logs');
  const path = join(folder, `${LABEL}.plist`);
  const target = `${domain}/${LABEL}`;
  return {
    manager: 'launchd',
    name: LABEL,
    scope: job.scope,
    files: [{ path, text: launchdPlist(job, logFolder) }],
    install: [
      tryStep('launchctl', 'bootout', target),
      step('launchctl', 'enable', target),
      step('launchctl', 'bootstrap', domain, path),
    ],
    uninstall: [tryStep('launchctl', 'bootout', target)],
    uninstalled: [],
    start: [tryStep('launchctl', 'bootstrap', domain, path), step('launchctl', 'kickstart', '-k', target)],
    stop: [step('launchctl', 'bootout', target)],
    status: step('launchctl', 'print', target),
    notes: [`Its log: ${join(logFolder, 'drover.service.log')}`],
  };
}
