// What service managers are told, word for word, and that their own readers take it.
import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServiceJob, ServiceScope } from '../../src/service/job.ts';
import { addressOf, watchdogOf } from '../../src/service/notify.ts';
import { planFor } from '../../src/service/plan.ts';
import { Service } from '../../src/service/service.ts';
import { quotedWord } from '../../src/service/windows-task.ts';
import { temporaryFolder } from '../fixtures/drover.ts';
import { faultOf } from '../fixtures/fault-of.ts';

const GOLDEN = join(import.meta.dir, '../golden/service');
const PLACE = { home: '/home/ada', userId: 1000, userName: 'MEADOW\\ada', configFolder: '/home/ada/.config' };
const job = (scope: ServiceScope, program: string, dataFolder: string): ServiceJob => ({
  scope,
  argv: [program, 'serve', '--yes'],
  dataFolder,
  groups: ['render', 'video'],
});

const ROWS: readonly (readonly [file: string, job: ServiceJob, platform: NodeJS.Platform])[] = [
  ['systemd-user.service', job('user', '/home/ada/bin/my "drover" 100%$', '/home/ada/drover data'), 'linux'],
  ['systemd-system.service', job('system', '/usr/local/bin/drover', '/var/lib/drover'), 'linux'],
  [
    'launchd-agent.plist',
    job('user', '/Users/ada/Applications/drover & more', '/Users/ada/Library/Application Support/drover'),
    'darwin',
  ],
  ['launchd-daemon.plist', job('system', '/usr/local/bin/drover', '/Library/Application Support/drover'), 'darwin'],
  [
    'windows-user.xml',
    job('user', 'C:\\Program Files\\Drover\\drover.exe', 'C:\\Users\\ada\\AppData\\Local\\drover'),
    'win32',
  ],
  ['windows-system.xml', job('system', 'C:\\Drover\\drover.exe', 'C:\\ProgramData\\Drover data\\'), 'win32'],
];

test.each(ROWS.map(([file, what, platform]) => ({ file, what, platform })))('$file', ({ file, what, platform }) => {
  const [made] = planFor(what, PLACE, platform).files;
  expect(made?.text).toBe(readFileSync(join(GOLDEN, file), 'utf8'));
});

const PARSE = `
import plistlib, sys, xml.etree.ElementTree as tree
path = sys.argv[1]
if path.endswith('.plist'):
    value = plistlib.load(open(path, 'rb'))
    print(value['Label'], value['ProgramArguments'][0], value['KeepAlive'], value['EnvironmentVariables']['DROVER_DATA_DIR'], sep='|')
else:
    root = tree.fromstring(open(path, encoding='utf-8').read().replace('encoding="UTF-16"', ''))
    space = '{http://schemas.microsoft.com/windows/2004/02/mit/task}'
    print(root.find(f'.//{space}Command').text, root.find(f'.//{space}Arguments').text, sep='|')
`;
test.skipIf(Bun.which('python3') === null)('property lists and tasks are read by others as they are meant', () => {
  const read = (file: string): string => {
    const run = Bun.spawnSync(['python3', '-c', PARSE, join(GOLDEN, file)]);
    return run.stdout.toString().trim() || run.stderr.toString();
  };
  expect(read('launchd-agent.plist')).toBe(
    "local.drover|/Users/ada/Applications/drover & more|{'SuccessfulExit': False}|/Users/ada/Library/Application Support/drover",
  );
  expect(read('launchd-daemon.plist')).toContain('|/usr/local/bin/drover|');
  expect(read('windows-user.xml')).toBe(
    'C:\\Program Files\\Drover\\drover.exe|serve --yes --data-dir C:\\Users\\ada\\AppData\\Local\\drover',
  );
  expect(read('windows-system.xml')).toContain('--data-dir "C:\\ProgramData\\Drover data\\\\"');
});

test('words of Windows are quoted so that they come apart as they were', () => {
  expect(['plain', 'a b', 'a"b', 'a\\', 'a b\\', ''].map(quotedWord)).toEqual([
    'plain',
    '"a b"',
    '"a\\"b"',
    'a\\',
    '"a b\\\\"',
    '""',
  ]);
});

describe('the act', () => {
  const PLAN = planFor(job('user', '/x/drover', '/x'), PLACE, 'linux');

  test('a step that fails says which, with what the manager said', async () => {
    using folder = temporaryFolder('service');
    const files = [{ path: join(folder.path, 'deep/drover.service'), text: 'unit' }];
    const asked: string[] = [];
    const service = new Service({ ...PLAN, files }, (argv) => {
      asked.push(argv.join(' '));
      const isRefused = argv.includes('enable') || argv.includes('is-active');
      return Promise.resolve({ exitCode: isRefused ? 1 : 0, output: 'Failed to enable: no such thing\n' });
    });
    const fault = await faultOf(service.install());
    expect(fault.message).toBe('"systemctl --user enable drover.service" failed (1): Failed to enable: no such thing');
    expect(readFileSync(files[0]?.path ?? '', 'utf8')).toBe('unit');
    expect(asked).toEqual(['systemctl --user daemon-reload', 'systemctl --user enable drover.service']);
    expect(await service.uninstall()).toBe(true);
    expect(await service.uninstall()).toBe(false);
  });

  test('a manager that is not there is told as such', async () => {
    using folder = temporaryFolder('service-none');
    const step = { argv: [join(folder.path, 'none')], mayFail: false };
    const service = new Service({
      ...PLAN,
      files: [{ path: join(folder.path, 'unit'), text: 'unit' }],
      install: [step],
      status: step,
    });
    expect((await faultOf(service.install())).message).toContain('failed (127)');
  });

  test('a system that we know no manager of', () => {
    expect(() => planFor(job('user', '/x', '/x'), PLACE, 'freebsd')).toThrow('No service manager of freebsd is known.');
  });
});

test('systemd’s socket is addressed by path or abstract name, and its watchdog only by whom it means', () => {
  expect([...addressOf('/run/n')]).toEqual([1, 0, ...Buffer.from('/run/n'), 0]);
  expect([...addressOf('@n')]).toEqual([1, 0, 0, 0x6e]);
  expect(watchdogOf({})).toBeNull();
  expect(watchdogOf({ WATCHDOG_USEC: '60000000' }, 7)).toBe(60_000);
  expect(watchdogOf({ WATCHDOG_USEC: '60000000', WATCHDOG_PID: '7' }, 7)).toBe(60_000);
  expect(watchdogOf({ WATCHDOG_USEC: '60000000', WATCHDOG_PID: '8' }, 7)).toBeNull();
  expect(watchdogOf({ WATCHDOG_USEC: 'soon' }, 7)).toBeNull();
});
