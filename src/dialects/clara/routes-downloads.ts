// ClaraCore's routes about downloads. Each is one call to the core.
import type { Static } from '@sinclair/typebox';
import type { AnyElysia } from 'elysia';
import { Fault } from '../../base/fault.ts';
import type { Desks } from '../../core/desks.ts';
import type { DownloadRequest } from '../../models/downloads.ts';
import { bodyOf, pathOf, readFields, restOf } from '../intake.ts';
import { described } from './described.ts';
import {
  CancelBody,
  DestinationsSchema,
  DownloadBody,
  DownloadChangedSchema,
  DownloadSchema,
  DownloadStartedSchema,
  DownloadsSchema,
} from './schema-models.ts';
import { destinationsToWire } from './shape-config.ts';
import { downloadsToWire, downloadToWire, startedToWire } from './shape-downloads.ts';

const ONE = '/api/models/downloads/';
const downloadId = { name: 'id', in: 'path', description: 'As /api/models/download told it.' } as const;
const running = { ...downloadId, example: '{{runningDownload}}' } as const;

export function downloadRoutes(app: AnyElysia, desks: Desks): void {
  const { downloads, folders } = desks;
  app
    .post('/api/models/download', ({ request }) => start(desks, request), {
      parse: 'none',
      detail: described({
        summary: 'Download a model; it is listed as soon as it is there and verified',
        description:
          'Several `files` with `isMultiPart` are parts of one model. A token in `hfApiKey` is sent to Hugging Face only and never stored.',
        body: { schema: DownloadBody },
        answer: DownloadStartedSchema,
        errors: [400, 403, 409],
      }),
    })
    .get('/api/models/downloads', () => downloadsToWire(downloads.list()), {
      detail: described({ summary: 'All downloads by their id', answer: DownloadsSchema }),
    })
    .get(`${ONE}:id`, ({ request }) => downloadToWire(downloads.get(restOf(pathOf(request), ONE))), {
      detail: described({
        summary: 'One download',
        parameters: [{ ...downloadId, example: '{{download}}' }],
        answer: DownloadSchema,
        errors: [404],
      }),
    })
    .post(`${ONE}:id/pause`, ({ request }) => pause(desks, request), {
      parse: 'none',
      detail: described({
        summary: 'Pause a download; what has come stays',
        parameters: [running],
        answer: DownloadChangedSchema,
        errors: [404, 409],
      }),
    })
    .post(`${ONE}:id/resume`, ({ request }) => resume(desks, request), {
      parse: 'none',
      detail: described({
        summary: 'Go on with a paused or failed download',
        parameters: [running],
        answer: DownloadChangedSchema,
        errors: [404, 409],
      }),
    })
    .post('/api/models/download/cancel', ({ request }) => cancel(desks, request), {
      parse: 'none',
      detail: described({
        summary: 'Cancel a download; what has come is removed',
        body: { schema: CancelBody },
        answer: DownloadChangedSchema,
        errors: [400, 404, 409],
      }),
    })
    .get('/api/models/download-destinations', () => destinationsToWire(folders.destinations()), {
      detail: described({ summary: 'Where downloads may go', answer: DestinationsSchema }),
    });
}

async function start({ downloads }: Desks, request: Request): Promise<unknown> {
  const body = await bodyOf(request, DownloadBody);
  const isMultiPart = body.isMultiPart === true && (body.files ?? []).length > 0;
  const job = await downloads.start(isMultiPart ? partsRequest(body) : fileRequest(body));
  return startedToWire(job, isMultiPart ? (body.files ?? []).length : null);
}

type Body = Static<typeof DownloadBody>;

/** Its clients send empty texts for what they do not mean. */
const unlessEmpty = (text: string | undefined): string | null =>
  text === undefined || text.trim() === '' ? null : text.trim();

const common = (body: Body) => ({
  modelId: unlessEmpty(body.modelId),
  folder: unlessEmpty(body.destinationPath),
  token: unlessEmpty(body.hfApiKey),
});

function fileRequest(body: Body): DownloadRequest {
  const url = unlessEmpty(body.url);
  if (url === null) throw new Fault('bad_request', 'URL is required', { details: { field: 'url' } });
  return { url, fileName: unlessEmpty(body.filename), ...common(body) };
}

function partsRequest(body: Body): DownloadRequest {
  const files = (body.files ?? []).map((url) => ({ url, path: lastOf(url), sizeBytes: null, sha256: null }));
  return {
    plan: {
      name: files[0]?.path ?? '',
      repository: null,
      revision: null,
      quantization: unlessEmpty(body.quantization),
      files,
      totalBytes: null,
    },
    ...common(body),
  };
}

function lastOf(url: string): string {
  if (!URL.canParse(url)) {
    throw new Fault('bad_request', `"${url.slice(0, 200)}" is no address.`, { details: { field: 'files' } });
  }
  return restOf(new URL(url).pathname.split('/').at(-1) ?? '', '');
}

const idOf = (request: Request): string => restOf(pathOf(request), ONE).replace(/\/(?:pause|resume)\/?$/, '');

async function pause({ downloads }: Desks, request: Request): Promise<unknown> {
  await readFields(request);
  return { status: 'download paused', downloadId: (await downloads.pause(idOf(request))).id };
}

async function resume({ downloads }: Desks, request: Request): Promise<unknown> {
  await readFields(request);
  return { status: 'download resumed', downloadId: (await downloads.resume(idOf(request))).id };
}

async function cancel({ downloads }: Desks, request: Request): Promise<unknown> {
  const { downloadId: id } = await bodyOf(request, CancelBody);
  return { status: 'download cancelled', downloadId: (await downloads.cancel(id)).id };
}
