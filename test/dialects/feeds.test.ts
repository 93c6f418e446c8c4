// Every kind of event in every feed: who is told of it, and under which name.
import { expect, test } from 'bun:test';
import type { DroverEvent } from '../../src/core/vocabulary.ts';
import { type Heard, heardBy, USAGE } from '../fixtures/feeds.ts';
import { paperInstance } from '../fixtures/paper-instance.ts';

const instance = paperInstance('m');
const metrics = {
  inferenceMs: 1,
  tokensPerSecond: null,
  peakResidentBytes: null,
  peakVideoBytes: null,
  cpuRatio: null,
  gpuRatio: null,
};
const aTest = { sessionId: 's', modelId: 'm', kind: 'chat' };

type Told = Partial<Record<'clara' | 'llamactl' | 'llamahome' | 'obt', Heard>>;
type Kind = DroverEvent['type'];
const row = <K extends Kind>(event: Extract<DroverEvent, { readonly type: K }>, told: Told) => ({ event, told });

/** One row for each kind: the compiler asks for it. */
const ROWS: { readonly [K in Kind]: { readonly event: DroverEvent; readonly told: Told } } = {
  'instance.changed': row(
    { type: 'instance.changed', instance, previous: 'starting' },
    { clara: ['modelStatus'], llamactl: ['instance_status_changed'], llamahome: ['model_status'] },
  ),
  'instance.progress': row(
    { type: 'instance.progress', modelId: 'm', stage: 'weights', ratio: 0.5 },
    { llamahome: ['model_progress'] },
  ),
  'instance.verdict': row({ type: 'instance.verdict', verdict: {} as never }, {}),
  'instance.pinned': row({ type: 'instance.pinned', instance }, {}),
  'instance.unwanted': row({ type: 'instance.unwanted', modelId: 'm' }, {}),
  'request.queued': row(
    { type: 'request.queued', modelId: 'm', position: 1, waitingFor: null },
    { llamahome: ['request_queued'] },
  ),
  'request.finished': row(
    { type: 'request.finished', usage: USAGE },
    { clara: ['metrics'], llamahome: ['request_finished'] },
  ),
  'library.changed': row(
    { type: 'library.changed', added: ['m'], removed: [], changed: [] },
    { clara: ['modelStatus'], llamahome: ['models_changed'] },
  ),
  'config.changed': row(
    { type: 'config.changed', touched: [] },
    { clara: ['modelStatus'], llamahome: ['config_changed'] },
  ),
  'config.refused': row({ type: 'config.refused', message: 'no' }, {}),
  'setup.progress': row(
    {
      type: 'setup.progress',
      setup: {
        stage: 'scanning',
        step: '',
        modelId: null,
        doneCount: 0,
        totalCount: 1,
        ratio: 0,
        failure: null,
        startedAt: 0,
        updatedAt: 0,
      },
    },
    { clara: ['configProgress'] },
  ),
  'folders.changed': row({ type: 'folders.changed' }, {}),
  'download.changed': row(
    {
      type: 'download.changed',
      job: {
        id: 'dl_a',
        modelId: null,
        name: 'm.gguf',
        files: [],
        repository: null,
        revision: null,
        quantization: null,
        state: 'downloading',
        failure: null,
        retryAt: null,
        doneBytes: 0,
        totalBytes: null,
        bytesPerSecond: 0,
        secondsLeft: null,
        createdAt: 0,
        startedAt: 0,
        finishedAt: null,
      },
    },
    { clara: ['downloadProgress'] },
  ),
  'engine.changed': row({ type: 'engine.changed', buildId: 'b' }, {}),
  'engine.progress': row({ type: 'engine.progress', stage: 'fetch', doneBytes: 0, totalBytes: null }, {}),
  'engine.output': row({ type: 'engine.output', modelId: 'm', line: 'a line' }, { clara: ['logData'] }),
  'test.progress': row({ type: 'test.progress', ...aTest, ratio: 0.5 }, { obt: ['progress'] }),
  'test.ended': row({ type: 'test.ended', ...aTest, ratio: 1, metrics, failure: null }, { obt: ['complete'] }),
  log: row(
    { type: 'log', line: { at: 0, level: 'info', source: 'drover', message: 'a line', fields: {} } },
    { clara: ['logData'], llamahome: ['log'] },
  ),
  'restart.started': row({ type: 'restart.started' }, {}),
  'restart.failed': row({ type: 'restart.failed', message: 'no' }, {}),
  'server.stopping': row(
    { type: 'server.stopping' },
    { clara: ['end'], llamactl: ['end'], llamahome: ['server_stopping'], obt: ['end'] },
  ),
};

const NOBODY = { clara: [], llamactl: [], llamahome: [], obt: [] };

test.each(Object.entries(ROWS))('%s', async (kind, { event, told }) => {
  // Our own feed tells all of them, under their own names.
  expect(await heardBy(event)).toEqual({ ...NOBODY, ...told, drover: [kind] });
});

test('a test that fails is told as that', async () => {
  const failed: DroverEvent = { type: 'test.ended', ...aTest, ratio: 0.2, metrics: null, failure: 'It broke.' };
  expect((await heardBy(failed)).obt).toEqual(['error']);
});
