// `drover pull`: a model from Hugging Face or an address. It shows what there is and how each would do here, takes the
// best that fits unless told, and stays until it is there. The download is the server's: where none runs, one is started
// for as long as this takes.
import { Fault } from '../base/fault.ts';
import { environment } from '../config/load.ts';
import type { QuantOffer, RepositoryOffer } from '../core/download-desk.ts';
import type { ModelView } from '../core/drover.ts';
import type { DroverEvent } from '../core/vocabulary.ts';
import type { DownloadJob } from '../models/downloads.ts';
import { isAtRest } from '../models/downloads-record.ts';
import { faultOfError, findServer, type ServerClient, sseData } from './client.ts';
import type { Call, Run } from './command-line.ts';
import {
  bytesText,
  dim,
  green,
  type ProgressLine,
  print,
  printJson,
  progressLine,
  red,
  table,
  tell,
  yellow,
} from './terminal.ts';

export const pull: Run = async (call) => {
  const [reference] = call.words;
  if (typeof reference !== 'string' || reference === '') {
    throw new Fault('bad_request', 'Which model? Write owner/name, owner/name:QUANT or an address.');
  }
  const running = await findServer(call.config.paths);
  if (running !== null) return bring(call, running, reference, true);
  const { startQuietly } = await import('./serve.ts');
  await using server = await startQuietly(call);
  return await bring(call, server.client, reference, false);
};

async function bring(call: Call, client: ServerClient, reference: string, isServing: boolean): Promise<number> {
  const offer = isRepository(reference)
    ? await client.get<RepositoryOffer>(`/drover/offer?repository=${encodeURIComponent(reference)}`)
    : null;
  if (call.options.list === true) {
    if (offer === null) throw new Fault('bad_request', '--list takes a repository: owner/name.');
    if (call.isJson) printJson(offer);
    else print(offerTable(offer));
    return 0;
  }
  if (offer !== null && !call.isJson) tell(`${offerTable(offer)}\n`);
  const wanted = offer === null || offer.recommended === null ? reference : `${offer.repository}:${offer.recommended}`;
  const { done, model } = await pullModel(call, client, wanted, isServing);
  if (call.isJson) printJson({ download: done, model: model?.id ?? null });
  else {
    if (done.failure !== null) tell(yellow(done.failure.message, process.stderr));
    print(model?.id ?? done.name);
    if (model !== null) tell(`  drover run ${model.id}`);
  }
  return 0;
}

export interface Pulled {
  readonly done: DownloadJob;
  /** Null: what came is no model that was found. */
  readonly model: ModelView | null;
}

/** Stays until it is there. Throws what has become of it otherwise. */
export async function pullModel(
  call: Call,
  client: ServerClient,
  reference: string,
  isServing: boolean,
): Promise<Pulled> {
  const job = await client.post<DownloadJob>(
    '/drover/downloads',
    {
      reference,
      ...(typeof call.options.as === 'string' ? { modelId: call.options.as } : {}),
      ...(typeof call.options.folder === 'string' ? { folder: call.options.folder } : {}),
      ...tokenOf(),
    },
    call.signal,
  );
  const done = await follow(call, client, job, isServing);
  if (done.state !== 'finished') throw failureOf(done);
  return { done, model: await modelOf(client, done) };
}

/** `owner/name` alone: nothing is said of a quantization or a file. */
const isRepository = (reference: string): boolean => /^(?:hf\.co\/)?[\w.-]+\/[\w.-]+$/.test(reference);

/** The server may run in another environment than this terminal. */
function tokenOf(): { readonly token?: string } {
  const token = environment().HF_TOKEN?.trim() ?? '';
  return token === '' ? {} : { token };
}

function offerTable(offer: RepositoryOffer): string {
  const rows = offer.quants.map((quant) => [
    quant.tag === offer.recommended ? green('*') : ' ',
    quant.tag,
    bytesText(quant.totalBytes),
    quant.isComplete ? fitWords(quant) : red('parts are missing'),
    quant.contextTokens === null ? dim('—') : String(quant.contextTokens),
  ]);
  const gate = offer.gate === 'open' ? '' : ` ${yellow('(its licence has to be accepted on its page first)')}`;
  const head = `${offer.repository}${gate}${offer.hasProjector ? dim('  sees images') : ''}`;
  const advice = offer.recommended === null ? red(offer.reason) : `* ${offer.recommended}: ${offer.reason}`;
  return `${head}\n${table(['', 'QUANT', 'SIZE', 'HERE', 'CONTEXT'], rows)}\n${advice}`;
}

function fitWords(quant: QuantOffer): string {
  if (quant.fit === 'fits') return green('fits');
  if (quant.fit === 'does_not_fit') return red('does not fit');
  return yellow(`fits partly: ${quant.gpuLayers} of ${quant.layerCount} layers on the GPU`);
}

/** Tells the progress until the job has ended. An interrupt leaves it to a server that goes on, and says so. */
async function follow(call: Call, client: ServerClient, job: DownloadJob, isServing: boolean): Promise<DownloadJob> {
  const bar = progressLine(call.isJson);
  try {
    const response = await client.send('GET', '/drover/events', undefined, call.signal);
    // It may have ended before we listened.
    let now = await jobOf(client, job.id);
    tellProgress(bar, now);
    if (isAtRest(now.state)) return now;
    for await (const event of sseData<DroverEvent>(response)) {
      if (event.type === 'server.stopping') break;
      if (event.type !== 'download.changed' || event.job.id !== job.id) continue;
      now = event.job;
      tellProgress(bar, now);
      if (isAtRest(now.state)) return now;
    }
    throw new Fault('unavailable', `The server stopped; ${job.name} goes on when it runs again.`);
  } catch (thrown) {
    if (call.signal.aborted) {
      bar.stop();
      tell(
        isServing
          ? `  ${job.name} goes on in the server; "drover downloads" shows it.`
          : `  What has come of ${job.name} is kept; the same command goes on.`,
      );
    }
    throw thrown;
  } finally {
    bar.stop();
  }
}

async function jobOf(client: ServerClient, id: string): Promise<DownloadJob> {
  const { downloads } = await client.get<{ downloads: readonly DownloadJob[] }>('/drover/downloads');
  const job = downloads.find((candidate) => candidate.id === id);
  if (job === undefined) throw new Fault('not_found', 'The download is not there any more.');
  return job;
}

function tellProgress(bar: ProgressLine, job: DownloadJob): void {
  if (job.state === 'queued') bar.update(waitingWords(job), job.doneBytes, job.totalBytes);
  else if (job.state === 'verifying') bar.update(`verifying ${job.name}`, job.doneBytes, job.totalBytes);
  else bar.update(`download ${job.name}`, job.doneBytes, job.totalBytes);
}

const waitingWords = (job: DownloadJob): string =>
  job.failure === null ? `waiting for its turn: ${job.name}` : `trying again soon (${job.failure.message})`;

function failureOf(job: DownloadJob): Fault {
  if (job.state === 'paused') return new Fault('cancelled', `${job.name} was paused by somebody else.`);
  if (job.failure === null) return new Fault('cancelled', `${job.name} was cancelled by somebody else.`);
  const { kind, message, hint } = job.failure;
  return faultOfError({ code: kind, message, hint }, 'offline');
}

async function modelOf(client: ServerClient, job: DownloadJob): Promise<ModelView | null> {
  const { models } = await client.get<{ models: readonly ModelView[] }>('/drover/models');
  const path = job.files[0]?.path;
  return models.find((model) => model.path === path) ?? null;
}

export const downloads: Run = async (call) => {
  const client = await findServer(call.config.paths);
  if (client === null) throw new Fault('unavailable', 'No server runs.', { hint: 'Start it with "drover serve".' });
  const [action, id] = call.words.map((word) => (typeof word === 'string' ? word : undefined));
  if (action !== undefined && action !== 'ls') return change(call, client, action, id);
  const { downloads: jobs } = await client.get<{ downloads: readonly DownloadJob[] }>('/drover/downloads');
  if (call.isJson) printJson(jobs);
  else if (jobs.length === 0) tell('There are no downloads; "drover pull owner/name" starts one.');
  else print(table(['ID', 'FILE', 'STATE', 'DONE', 'SPEED'], jobs.map(rowOf)));
  return 0;
};

function rowOf(job: DownloadJob): string[] {
  const words = job.failure === null ? job.state : `${job.state}: ${job.failure.message}`;
  const paint = job.state === 'finished' ? green : job.state === 'failed' ? red : (text: string) => text;
  return [
    job.id,
    job.name,
    paint(words),
    job.totalBytes === null ? bytesText(job.doneBytes) : `${bytesText(job.doneBytes)} of ${bytesText(job.totalBytes)}`,
    job.bytesPerSecond > 0 ? `${bytesText(job.bytesPerSecond)}/s` : '—',
  ];
}

async function change(call: Call, client: ServerClient, action: string, id: string | undefined): Promise<number> {
  if (!['pause', 'resume', 'cancel', 'rm'].includes(action)) {
    throw new Fault('bad_request', `drover downloads knows ls, pause, resume, cancel and rm, not "${action}".`);
  }
  if (id === undefined) throw new Fault('bad_request', 'Which download? "drover downloads" shows them.');
  const path = `/drover/downloads/${encodeURIComponent(id)}`;
  const response =
    action === 'rm' ? await client.send('DELETE', path) : await client.send('POST', `${path}/${action}`, {});
  const answer = (await response.json()) as DownloadJob | { removed: boolean };
  if (call.isJson) printJson(answer);
  else tell('state' in answer ? `${answer.name}: ${answer.state}` : 'Taken off the list.');
  return 0;
}
