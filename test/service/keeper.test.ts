// Who keeps a server running, by the signs that its process has.
import { expect, test } from 'bun:test';
import type { Keeper } from '../../src/core/drover.ts';
import { type KeeperSigns, keeperOf } from '../../src/service/keeper.ts';

const BY_HAND: KeeperSigns = {
  environment: { PATH: '/usr/bin' },
  pids: [700],
  parentPid: 500,
  hasTerminal: false,
  membership: '0::/\n',
};
const UNIT = '0::/system.slice/drover.service\n';
const USER_UNIT = '0::/user.slice/user-1000.slice/user@1000.service/app.slice/drover.service\n';
const TERMINAL_SCOPE = '0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-terminal-4.scope\n';
const HYBRID = '5:memory:/system.slice/drover.service\n1:name=systemd:/system.slice/drover.service\n0::/\n';
const INVOKED = { INVOCATION_ID: 'f00d', SYSTEMD_EXEC_PID: '700' };

const ROWS: readonly (readonly [string, Partial<KeeperSigns>, Keeper | null])[] = [
  ['nobody', {}, null],
  ['a shell', { hasTerminal: true }, { kind: 'terminal', name: null, isOfUser: null }],
  [
    'a system unit',
    { environment: INVOKED, membership: UNIT },
    { kind: 'systemd', name: 'drover.service', isOfUser: false },
  ],
  [
    'a user’s unit',
    { environment: INVOKED, membership: USER_UNIT },
    { kind: 'systemd', name: 'drover.service', isOfUser: true },
  ],
  [
    'both hierarchies',
    { environment: INVOKED, membership: HYBRID },
    { kind: 'systemd', name: 'drover.service', isOfUser: false },
  ],
  [
    'an older systemd, which does not tell the process',
    { environment: { INVOCATION_ID: 'f00d' }, membership: UNIT },
    { kind: 'systemd', name: 'drover.service', isOfUser: false },
  ],
  [
    'the successor of what a unit started',
    { environment: { ...INVOKED, SYSTEMD_EXEC_PID: '650' }, membership: UNIT, pids: [700, 650] },
    { kind: 'systemd', name: 'drover.service', isOfUser: false },
  ],
  [
    'a terminal whose program is a unit',
    { environment: { ...INVOKED, SYSTEMD_EXEC_PID: '400' }, membership: TERMINAL_SCOPE, hasTerminal: true },
    { kind: 'terminal', name: null, isOfUser: null },
  ],
  [
    'a program that is a unit, and started us',
    { environment: { ...INVOKED, SYSTEMD_EXEC_PID: '400' }, membership: UNIT },
    null,
  ],
  [
    'launchd',
    { environment: { XPC_SERVICE_NAME: 'org.example.drover' }, parentPid: 1, membership: null },
    { kind: 'launchd', name: 'org.example.drover', isOfUser: null },
  ],
  [
    'a terminal of macOS',
    { environment: { XPC_SERVICE_NAME: '0' }, parentPid: 1, membership: null, hasTerminal: true },
    { kind: 'terminal', name: null, isOfUser: null },
  ],
  [
    'supervisord',
    { environment: { SUPERVISOR_ENABLED: '1', SUPERVISOR_PROCESS_NAME: 'drover' } },
    { kind: 'supervisord', name: 'drover', isOfUser: null },
  ],
  ['pm2', { environment: { pm_id: '0' } }, { kind: 'pm2', name: null, isOfUser: null }],
  ['a container', { pids: [1], parentPid: 0 }, { kind: 'container', name: null, isOfUser: null }],
];

test.each(ROWS.map(([who, signs, keeper]) => ({ who, signs, keeper })))('$who', ({ signs, keeper }) => {
  expect(keeperOf({ ...BY_HAND, ...signs })).toEqual(keeper);
});
