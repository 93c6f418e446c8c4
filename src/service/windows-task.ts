// Windows: a task that starts with the machine or at log-on, restarted when it fails, and what schtasks is told. A real service
// would have to speak the service manager's protocol, for which there is no well-kept wrapper without a program of its own;
// a task needs none, and runs whatever answers. Pure. Sources: Task Scheduler schema 1.2, schtasks' documentation.
import { win32 } from 'node:path';
import { type ServiceJob, type ServicePlan, step, tryStep } from './job.ts';
import { xmlText } from './xml.ts';

export const TASK = 'Drover';
/** LocalService: few rights, no password. */
const LOCAL_SERVICE = 'S-1-5-19';

/** Between quotes, as CommandLineToArgvW takes words apart: a backslash counts double before a quote, and at the end. */
export const insideQuotes = (text: string): string => text.replace(/(\\*)"/g, '$1$1\\"').replace(/(\\+)$/, '$1$1');
export const quotedWord = (word: string): string => (/^[^\s"]+$/.test(word) ? word : `"${insideQuotes(word)}"`);

/** In UTF-16 when it is written: schtasks reads nothing else. */
export function windowsTask(job: ServiceJob, userName: string): string {
  const [program = '', ...words] = job.argv;
  const isSystem = job.scope === 'system';
  const args = [...words, '--data-dir', job.dataFolder].map(quotedWord).join(' ');
  return [
    '<?xml version="1.0" encoding="UTF-16"?>',
    '<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">',
    '  <RegistrationInfo>',
    '    <Description>Drover, which makes this machine serve language models. Written by "drover service install".</Description>',
    '  </RegistrationInfo>',
    '  <Triggers>',
    isSystem
      ? '    <BootTrigger><Enabled>true</Enabled></BootTrigger>'
      : `    <LogonTrigger><Enabled>true</Enabled><UserId>${xmlText(userName)}</UserId></LogonTrigger>`,
    '  </Triggers>',
    '  <Principals>',
    '    <Principal id="Author">',
    `      <UserId>${isSystem ? LOCAL_SERVICE : xmlText(userName)}</UserId>`,
    ...(isSystem ? [] : ['      <LogonType>InteractiveToken</LogonType>']),
    '      <RunLevel>LeastPrivilege</RunLevel>',
    '    </Principal>',
    '  </Principals>',
    '  <Settings>',
    '    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>',
    '    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>',
    '    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>',
    '    <StartWhenAvailable>true</StartWhenAvailable>',
    '    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>',
    '    <Priority>5</Priority>',
    '    <RestartOnFailure><Interval>PT1M</Interval><Count>5</Count></RestartOnFailure>',
    '  </Settings>',
    '  <Actions Context="Author">',
    '    <Exec>',
    `      <Command>${xmlText(program)}</Command>`,
    `      <Arguments>${xmlText(args)}</Arguments>`,
    `      <WorkingDirectory>${xmlText(job.dataFolder)}</WorkingDirectory>`,
    '    </Exec>',
    '  </Actions>',
    '</Task>',
    '',
  ].join('\r\n');
}

export function windowsPlan(job: ServiceJob, userName: string): ServicePlan {
  const path = win32.join(job.dataFolder, 'drover-task.xml');
  return {
    manager: 'Windows task',
    name: TASK,
    scope: job.scope,
    files: [{ path, text: windowsTask(job, userName) }],
    install: [step('schtasks', '/Create', '/TN', TASK, '/XML', path, '/F')],
    uninstall: [tryStep('schtasks', '/End', '/TN', TASK), tryStep('schtasks', '/Delete', '/TN', TASK, '/F')],
    uninstalled: [],
    start: [step('schtasks', '/Run', '/TN', TASK)],
    stop: [step('schtasks', '/End', '/TN', TASK)],
    status: step(
      'powershell',
      '-NoProfile',
      '-Command',
      `if ((Get-ScheduledTask -TaskName '${TASK}' -ErrorAction Stop).State -ne 'Running') { exit 3 }`,
    ),
    notes: [`Its log: ${win32.join(job.dataFolder, 'logs', 'drover.log')}`],
  };
}
