// What stands in the examples of the API document for something of this very server: `{{model}}`, `{{modelFile}}`, … One
// line per name; a value may be anything that is JSON, and may take its time. It must never fail: without a value, a
// text of the same kind stands there.
import { dirname, join } from 'node:path';
import type { Desks } from '../core/desks.ts';
import type { Drover, ModelView } from '../core/drover.ts';
import type { TestSession } from '../core/test-records.ts';
import type { DownloadJob } from '../models/downloads.ts';

/** The running server, its models listed once. */
export interface Here {
  readonly drover: Drover;
  readonly models: readonly ModelView[];
  /** Null where there are none: then what they know has no value. */
  readonly desks: Desks | null;
}

export interface Example {
  /** Undefined or thrown: there is none. */
  readonly value: (here: Here) => unknown;
  readonly fallback: unknown;
}

const example = (value: Example['value'], fallback: unknown): Example => ({ value, fallback });

const HUB = 'https://huggingface.co';

/** Every name that an example may hold. */
export const EXAMPLES: Readonly<Record<string, Example>> = {
  model: example((here) => best(here, isText)?.id, 'drover-probe'),
  infillModel: example((here) => best(here, canInfill(here))?.id ?? best(here, isText)?.id, 'qwen2.5-coder-1.5b'),
  embeddingModel: example((here) => best(here, ({ kind }) => kind === 'embedding')?.id, 'nomic-embed-text-v1.5'),
  rerankModel: example((here) => best(here, ({ kind }) => kind === 'reranker')?.id, 'bge-reranker-v2-m3'),
  speechModel: example((here) => custom(here, /speech|tts|voice|kokoro|piper/i)?.id, 'my-voice'),
  transcriptionModel: example((here) => custom(here, /whisper|transcri|stt|asr|parakeet/i)?.id, 'whisper'),
  modelFile: example((here) => fileOf(here), '/models/model.gguf'),
  modelsFolder: example((here) => folderOf(here), '/models'),
  configuredModel: example((here) => configured(here)[0], 'my-model'),
  unlistedModelFile: example((here) => withoutEntry(here)?.path, '/models/new-model.gguf'),
  instance: example((here) => best(here, isText)?.id, 'my-instance'),
  createdInstance: example((here) => created(here), 'my-instance'),
  newInstance: example((here) => freeName(here), 'my-instance'),
  freePort: example(({ desks }) => desks?.instances.freePort(), 8101),
  // Half a megabyte, for tests of llama.cpp.
  downloadUrl: example(() => undefined, `${HUB}/ggml-org/models/resolve/main/tinyllamas/stories260K.gguf`),
  repository: example(() => undefined, 'ggml-org/gemma-3-1b-it-GGUF'),
  loadedModel: example((here) => here.models.find(isLoaded)?.id ?? best(here, isText)?.id, 'drover-probe'),
  registeredModel: example((here) => registered(here), 'my-registered-model'),
  configRevision: example(({ desks }) => desks?.preferences.text().revision, '0123456789abcdef01234567'),
  session: example(({ desks }) => desks?.sessions.list()[0]?.id, 'an-example'),
  sessionFile: example((here) => savedSession(here), 'beautyai_session_an-example.json'),
  chat: example((here) => latestChat(here)?.id, 'an-example'),
  chatMessage: example((here) => latestChat(here)?.headId, 'a-message'),
  download: example((here) => download(here, () => true)?.id, 'dl-1'),
  runningDownload: example((here) => download(here, (job) => job.finishedAt === null)?.id, 'dl-1'),
  endedDownload: example((here) => download(here, (job) => job.finishedAt !== null)?.id, 'dl-1'),
  testSession: example((here) => session(here, () => true)?.id, 'run-1'),
  endedTestSession: example((here) => session(here, ({ finishedAt }) => finishedAt !== null)?.id, 'run-1'),
  savedBench: example((here) => session(here, ({ state }) => state === 'completed')?.id, 'run-1'),
};

const isLoaded = ({ instance }: ModelView): boolean => instance?.state === 'ready';
const registered = ({ desks }: Here): string | undefined =>
  desks?.registrations.list().findLast(({ document }) => document !== null)?.name;
const savedSession = ({ desks }: Here): string | undefined =>
  desks?.sessions.list().find(({ file }) => file !== null)?.file?.fileName;
/** Of the local caller: nobody's key is told of another's. */
const latestChat = ({ desks }: Here) =>
  desks === null || desks.access.list().length > 0
    ? undefined
    : desks.chats.list(['local'], '', 20, null).chats.find(({ headId }) => headId !== null);
const isText = (view: ModelView): boolean => view.kind === 'text' && !view.isCustom;
const canInfill =
  ({ drover }: Here) =>
  (view: ModelView): boolean =>
    isText(view) && drover.facts(view.id)?.canInfill === true;

/** Of the models that will do: one that is loaded, else the smallest. */
function best({ models }: Here, willDo: (view: ModelView) => boolean): ModelView | undefined {
  const usable = models.filter((view) => view.failure === null && view.isListed && willDo(view));
  const rank = (view: ModelView): number => (view.instance?.state === 'ready' ? 0 : 1);
  const size = (view: ModelView): number => view.sizeBytes ?? Number.MAX_SAFE_INTEGER;
  return usable.sort(
    (left, right) => rank(left) - rank(right) || size(left) - size(right) || (left.id < right.id ? -1 : 1),
  )[0];
}

/** Of the other servers, the one whose name says what it does, else the first. */
function custom({ models }: Here, words: RegExp): ModelView | undefined {
  const all = models.filter((view) => view.isCustom);
  return all.find((view) => words.test(`${view.id} ${view.title} ${view.description ?? ''}`)) ?? all[0];
}

const fileOf = (here: Here): string | null => best(here, (view) => isText(view) && view.path !== null)?.path ?? null;

const configured = ({ desks }: Here): readonly string[] => Object.keys(desks?.configuration.view().values.models ?? {});

/** What an entry could be made for. */
function withoutEntry(here: Here): ModelView | undefined {
  const known = new Set(configured(here));
  return here.models.find((view) => view.path !== null && view.failure === null && !known.has(view.id));
}

const download = ({ desks }: Here, willDo: (job: DownloadJob) => boolean): DownloadJob | undefined =>
  desks?.downloads.list().findLast(willDo);

const session = ({ desks }: Here, willDo: (session: TestSession) => boolean): TestSession | undefined =>
  desks?.tests.list({ search: null, tags: [], offset: 0, limit: 200 }).items.find(willDo);
/** An instance that may be taken away: one that was created, and does not run. */
const created = ({ desks }: Here): string | undefined =>
  desks?.instances.list().findLast(({ isOwnPort, status }) => isOwnPort && status === 'stopped')?.name;

/** A name that nobody has. */
function freeName({ models }: Here): string {
  const known = new Set(models.map(({ id }) => id.toLowerCase()));
  for (let count = 1; ; count += 1) {
    const name = count === 1 ? 'my-instance' : `my-instance-${count}`;
    if (!known.has(name)) return name;
  }
}

function folderOf(here: Here): string {
  const file = fileOf(here);
  return file === null ? join(here.drover.status().dataFolder, 'models') : dirname(file);
}

const MARK = /"\{\{(\w+)\}\}"|\{\{(\w+)\}\}/g;

/** The names that a text holds, in order, once each. */
export const namesIn = (text: string): readonly string[] => [
  ...new Set([...text.matchAll(MARK)].map(([, whole, part]) => whole ?? part ?? '')),
];

/** The value of each name; a name that is in no table is left out. */
export async function exampleValues(
  drover: Drover,
  desks: Desks | null,
  names: readonly string[],
  table: Readonly<Record<string, Example>> = EXAMPLES,
): Promise<Readonly<Record<string, unknown>>> {
  const here: Here = { drover, models: drover.models(), desks };
  const pairs = names.map(async (name) => {
    const wanted = Object.hasOwn(table, name) ? table[name] : undefined;
    return wanted === undefined ? [] : [[name, await valueHere(here, wanted)] as const];
  });
  return Object.fromEntries((await Promise.all(pairs)).flat());
}

async function valueHere(here: Here, wanted: Example): Promise<unknown> {
  try {
    return (await wanted.value(here)) ?? wanted.fallback;
  } catch {
    return wanted.fallback;
  }
}

/**
 * Fills the values into the text of a JSON document. A text that is nothing but `{{name}}` becomes the value, of whatever
 * type; inside a longer text the value is written as text. An unknown name stays as it is.
 */
export function fillExamples(json: string, values: Readonly<Record<string, unknown>>): string {
  return json.replace(MARK, (mark, whole: string | undefined, part: string | undefined) => {
    const name = whole ?? part ?? '';
    if (!Object.hasOwn(values, name)) return mark;
    const value = values[name];
    if (whole !== undefined) return JSON.stringify(value);
    return JSON.stringify(typeof value === 'string' ? value : JSON.stringify(value)).slice(1, -1);
  });
}
