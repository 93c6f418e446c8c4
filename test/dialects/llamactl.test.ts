// LlamaCtl's pure parts: the view of the configuration and back, figures that are not known, and who loses what when he is
// slow.
import { expect, test } from 'bun:test';
import { Bus } from '../../src/base/bus.ts';
import { defaultSettings } from '../../src/config/schema.ts';
import type { NamedInstance, StatusChange } from '../../src/core/named-instances.ts';
import type { DroverEvent } from '../../src/core/vocabulary.ts';
import { LlamactlFeed } from '../../src/dialects/llamactl/feed.ts';
import { configEdits, llamactlConfigView } from '../../src/dialects/llamactl/shape-config.ts';
import { statusToWire } from '../../src/dialects/llamactl/shape-system.ts';
import type { Peer } from '../../src/dialects/socket.ts';
import { thrownBy } from '../fixtures/fault-of.ts';

const paths = { data: '/d', config: '/d/config.yaml', models: '/d/models', logs: '/d/logs' };
const view = llamactlConfigView({ settings: { ...defaultSettings(), listen: '[::1]:5801' }, paths });

test('the view has what its users look for, and no secret', () => {
  expect(view).toMatchObject({
    server: { host: '::1', port: 5801 },
    paths: { data_dir: '/d', config_file: '/d/config.yaml' },
    instances: { port_range: [8100, 65_535], default_auto_restart: true, stop_timeout: 30 },
    auth: { enabled: false },
    logging: { level: 'info' },
  });
  expect(JSON.stringify(view)).not.toMatch(/token|secret|password/i);
});

test('the whole view sent back changes nothing; what differs becomes settings', () => {
  expect(configEdits({ ...view, yaml: 'x', config: {} }, view)).toEqual([]);
  expect(
    configEdits(
      { logging: { level: 'debug' }, instances: { ...view.instances, stop_timeout: 5 }, startPort: 9000 },
      view,
    ),
  ).toEqual([
    { path: ['logLevel'], value: 'debug' },
    { path: ['drainTimeout'], value: 5 },
    { path: ['startPort'], value: 9000 },
  ]);
  expect(configEdits({ backend: { vram: null } }, { backend: { vram: 8 } })).toEqual([
    { path: ['vram'], value: undefined },
  ]);
});

test.each<[Record<string, unknown>, string]>([
  [{ nothing: 1 }, 'bad_request'],
  [{ instances: { nothing: 1 } }, 'bad_request'],
  [{ instances: [] }, 'bad_request'],
  [JSON.parse('{"__proto__": {"a": 1}}'), 'bad_request'],
  [{ server: { port: 1 } }, 'forbidden'],
  [{ paths: { data_dir: '/etc' } }, 'forbidden'],
  [{ auth: { enabled: true } }, 'forbidden'],
  [{ backend: { engine: '/bin/sh' } }, 'forbidden'],
  [{ models: { folders: ['/'] } }, 'forbidden'],
  [{ listen: '0.0.0.0:1' }, 'bad_request'],
])('%p is refused', (sent, kind) => {
  expect(thrownBy(() => configEdits(sent, view)).kind as string).toBe(kind);
});

test('what the machine does not tell is null, not a figure', () => {
  const load = { cpuBusyRatio: null, memory: null, disk: { totalBytes: null, freeBytes: null }, uptimeMs: 1 };
  expect(statusToWire({ version: '1', uptimeMs: 1999, load }, [])).toEqual({
    version: '1',
    uptime: 1,
    instances: { total: 0, running: 0, stopped: 0 },
    resources: { cpu_usage: null, memory_usage: null, memory_total: null, disk_usage: null },
  });
});

class PaperPeer implements Peer {
  readonly got: string[] = [];
  readonly #left = new AbortController();
  readonly signal = this.#left.signal;
  owedBytes = 0;
  takes = true;
  code: number | null = null;
  send(text: string): boolean {
    if (this.takes) this.got.push((JSON.parse(text) as { type: string }).type);
    return this.takes;
  }
  close(code: number): void {
    this.code = code;
    this.#left.abort();
  }
}

test('who is slow loses figures first, and is sent away before he misses a change; nobody listens, nothing is asked', () => {
  const bus = new Bus<DroverEvent>();
  const listeners = new Set<(change: StatusChange) => void>();
  const instances = {
    onStatus: (listener: (change: StatusChange) => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    list: (): readonly NamedInstance[] => [],
    stats: () => ({ residentBytes: 1, cpuPercent: 1, uptimeMs: 1 }),
  };
  const load = { cpuBusyRatio: 0, memory: null, disk: { totalBytes: null, freeBytes: null }, uptimeMs: 1 };
  const feed = new LlamactlFeed({ bus, instances, machine: { load: () => Promise.resolve(load) } });
  expect([listeners.size, bus.listenerCount]).toEqual([0, 0]);
  const [quick, deaf] = [new PaperPeer(), new PaperPeer()];
  feed.join(quick);
  feed.join(deaf);
  expect([listeners.size, bus.listenerCount]).toEqual([1, 1]);
  const tell = (change: Partial<StatusChange>): void => {
    for (const listener of listeners)
      listener({ name: 'a', status: 'running', previous: 'starting', failure: null, ...change });
  };
  tell({});
  deaf.takes = false;
  tell({ status: 'error', previous: 'running', failure: 'it broke' });
  expect(deaf.code).toBe(1013);
  expect(quick.got).toEqual(['instance_status_changed', 'instance_status_changed', 'system_alert']);
  bus.emit({ type: 'server.stopping' });
  expect(quick.code).toBe(1001);
  expect([listeners.size, bus.listenerCount]).toEqual([0, 0]);
});
