// systemd: the text of the unit, and what systemctl is told. Pure. Sources: systemd.service(5), systemd.exec(5),
// systemd.resource-control(5), systemd.unit(5), systemd.syntax(7).
import { join } from 'node:path';
import { type ServiceJob, type ServicePlan, step, tryStep } from './job.ts';

export const UNIT = 'drover.service';
const SYSTEM_FOLDER = '/etc/systemd/system';
/** Where a system service keeps its things: the folder that systemd makes for it. */
export const STATE_FOLDER = '/var/lib/drover';

/** GPUs as character devices: DRM, AMD's compute, NVIDIA's own. Classes that a machine lacks are passed over. */
const DEVICES = ['char-drm', 'char-kfd', 'char-nvidia', 'char-nvidia-frontend', 'char-nvidia-uvm', 'char-nvidia-caps'];

/** As systemd reads words: quoted, with `%` for itself. */
const quoted = (text: string): string =>
  `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%')}"`;
/** Variables are put into command lines only. */
const word = (text: string): string => quoted(text.replaceAll('$', '$$$$'));

export function systemdUnit(job: ServiceJob): string {
  const isSystem = job.scope === 'system';
  const lines = [
    '# Written by "drover service install"; "drover service uninstall" takes it away.',
    '[Unit]',
    'Description=Drover, which makes this machine serve language models',
    ...(isSystem ? ['Wants=network-online.target', 'After=network-online.target'] : []),
    'StartLimitIntervalSec=300',
    'StartLimitBurst=5',
    '',
    '[Service]',
    'Type=notify',
    `ExecStart=${job.argv.map(word).join(' ')}`,
    'ExecReload=/bin/kill -HUP $MAINPID',
    `Environment=${quoted(`DROVER_DATA_DIR=${job.dataFolder}`)}`,
    'Restart=on-failure',
    'RestartSec=2',
    // A first start may bring an engine first, but listens before; what is under way may end after.
    'TimeoutStartSec=60',
    'TimeoutStopSec=60',
    'WatchdogSec=60',
    // The server ends its engines itself; what is left of them after that is killed.
    'KillMode=mixed',
    'LimitNOFILE=65536',
    'NoNewPrivileges=yes',
    ...(isSystem ? hardening(job) : []),
    '',
    '[Install]',
    `WantedBy=${isSystem ? 'multi-user.target' : 'default.target'}`,
    '',
  ];
  return lines.join('\n');
}

/** A user of its own, which systemd makes; nothing but its own folder can be written to. */
const hardening = (job: ServiceJob): string[] => [
  'User=drover',
  'DynamicUser=yes',
  ...(job.groups.length === 0 ? [] : [`SupplementaryGroups=${job.groups.join(' ')}`]),
  'StateDirectory=drover',
  'StateDirectoryMode=0700',
  'UMask=0077',
  'LimitMEMLOCK=infinity',
  'ProtectSystem=strict',
  'ProtectHome=read-only',
  'PrivateTmp=yes',
  'ProtectKernelTunables=yes',
  'ProtectKernelModules=yes',
  'ProtectKernelLogs=yes',
  'ProtectControlGroups=yes',
  'ProtectClock=yes',
  'ProtectHostname=yes',
  'RestrictNamespaces=yes',
  'RestrictRealtime=yes',
  'RestrictSUIDSGID=yes',
  'LockPersonality=yes',
  'RemoveIPC=yes',
  'CapabilityBoundingSet=',
  'AmbientCapabilities=',
  'SystemCallArchitectures=native',
  'SystemCallFilter=@system-service',
  'SystemCallErrorNumber=EPERM',
  'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK',
  'DevicePolicy=closed',
  ...DEVICES.map((device) => `DeviceAllow=${device} rw`),
];

/** `configFolder`: of the person, for a service of theirs (`~/.config`). */
export function systemdPlan(job: ServiceJob, configFolder: string): ServicePlan {
  const isSystem = job.scope === 'system';
  const control = (...words: readonly string[]): readonly string[] =>
    isSystem ? ['systemctl', ...words] : ['systemctl', '--user', ...words];
  const folder = isSystem ? SYSTEM_FOLDER : join(configFolder, 'systemd', 'user');
  return {
    manager: 'systemd',
    name: UNIT,
    scope: job.scope,
    files: [{ path: join(folder, UNIT), text: systemdUnit(job) }],
    install: [step(...control('daemon-reload')), step(...control('enable', UNIT))],
    uninstall: [tryStep(...control('disable', '--now', UNIT))],
    uninstalled: [step(...control('daemon-reload')), tryStep(...control('reset-failed', UNIT))],
    start: [step(...control('restart', UNIT))],
    stop: [step(...control('stop', UNIT))],
    status: step(...control('is-active', '--quiet', UNIT)),
    notes: isSystem
      ? [
          `Its data is in ${STATE_FOLDER}; models elsewhere must be readable for everybody, or for its groups.`,
          'Its log: journalctl -u drover',
        ]
      : [
          'It starts when you log in; to have it run without that: loginctl enable-linger',
          'Its log: journalctl --user -u drover',
        ],
  };
}
