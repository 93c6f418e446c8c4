// Models from elsewhere: what a repository offers and what of it suits this machine, downloads, and what happens when one
// is there. A finished download is listed at once under the name that was asked for; what runs is not touched.
import type { Bus } from '../base/bus.ts';
import { Fault, toFault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import type { ModelFacts } from '../gguf/facts.ts';
import type { DownloadJob, DownloadRequest, Downloads } from '../models/downloads.ts';
import type { Hub, HubHit, HubListing, SearchOptions } from '../models/hub.ts';
import { planOf } from '../models/hub.ts';
import { scaleFacts } from '../models/hub-facts.ts';
import { chooseQuant, type HubChoices, projectorFor, type QuantChoice, quantsOf } from '../models/hub-quants.ts';
import { resolveUrl } from '../models/hub-reference.ts';
import type { Library } from '../models/library.ts';
import type { Budget } from './budget.ts';
import { requireUsableId } from './config-rules.ts';
import type { Configuration } from './configuration.ts';
import type { Drover } from './drover.ts';
import { type ContextSettings, contextWishes } from './loading.ts';
import { adviseQuant, type Fit, type QuantAdvice, type QuantCandidate } from './quant-advice.ts';
import type { DroverEvent } from './vocabulary.ts';

/** One quantization of a repository, and how it would do here. */
export interface QuantOffer {
  /** What to write behind the colon: `owner/name:TAG`. */
  readonly tag: string;
  readonly quantization: string | null;
  /** Of all that would be fetched, a projector included. */
  readonly totalBytes: number;
  readonly fileCount: number;
  readonly isComplete: boolean;
  readonly fit: Fit;
  readonly contextTokens: number | null;
  readonly gpuLayers: number;
  readonly layerCount: number;
  /** False: its own header was read. True: worked out from the header of another one of the same model. */
  readonly isEstimate: boolean;
}

export interface RepositoryOffer {
  readonly repository: string;
  readonly revision: string;
  readonly gate: HubListing['gate'];
  /** Smallest first. */
  readonly quants: readonly QuantOffer[];
  readonly recommended: string | null;
  readonly reason: string;
  readonly hasProjector: boolean;
}

export interface PullOptions {
  /** The name to give the model; null: what its file says. */
  readonly modelId?: string | null | undefined;
  /** Absolute; the folder for downloads unless told. */
  readonly folder?: string | null | undefined;
  /** For this download alone. */
  readonly token?: string | null | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface DownloadDeskOptions {
  readonly hub: Hub;
  /** Made with this desk's `changed` and `finished`. */
  readonly downloads: (hooks: {
    readonly onChange: (job: DownloadJob) => void;
    readonly onFinished: (job: DownloadJob) => Promise<void>;
  }) => Downloads;
  readonly bus: Bus<DroverEvent>;
  readonly log: Log;
  readonly drover: Pick<Drover, 'rescan'>;
  readonly library: Pick<Library, 'resolve'>;
  readonly configuration: Pick<Configuration, 'append'>;
  readonly budget: () => Promise<Budget>;
  readonly settings: () => ContextSettings;
}

export class DownloadDesk {
  readonly #options: DownloadDeskOptions;
  readonly #downloads: Downloads;

  constructor(options: DownloadDeskOptions) {
    this.#options = options;
    this.#downloads = options.downloads({
      onChange: (job) => void options.bus.emit({ type: 'download.changed', job }),
      onFinished: (job) => this.#register(job),
    });
  }

  /** Oldest first. */
  list(): readonly DownloadJob[] {
    return this.#downloads.list();
  }

  /** This and the following throw `not_found` for an unknown id. */
  get = (id: string): DownloadJob => this.#downloads.get(id);
  pause = (id: string): Promise<DownloadJob> => this.#downloads.pause(id);
  resume = (id: string): Promise<DownloadJob> => this.#downloads.resume(id);
  cancel = (id: string): Promise<DownloadJob> => this.#downloads.cancel(id);
  remove = (id: string): Promise<void> => this.#downloads.remove(id);

  /** Files by their addresses, as a client chose them. Several are parts of one model. */
  async start(request: DownloadRequest): Promise<DownloadJob> {
    if (request.modelId != null) requireUsableId(request.modelId);
    return this.#downloads.start(request);
  }

  search(query: string, options?: SearchOptions): Promise<readonly HubHit[]> {
    return this.#options.hub.search(query, options);
  }

  /** What a repository has, and how each of it would do on this machine. */
  async offer(repository: string, options: Pick<PullOptions, 'token' | 'signal'> = {}): Promise<RepositoryOffer> {
    const { hub } = this.#options;
    const reference = hub.parse(repository);
    if (reference.kind === 'url') {
      throw new Fault('bad_request', `${repository} is a file, not a repository.`, { hint: 'Write owner/name.' });
    }
    const listing = await hub.list(reference.repository, { ...options, revision: reference.revision });
    return (await this.#weigh(listing, options)).offer;
  }

  /**
   * Downloads what a reference means: `owner/name:TAG`, an address, or `owner/name` alone, of which the best that fits is
   * taken. Throws `does_not_fit` where nothing of it fits and nobody said which.
   */
  async pull(text: string, options: PullOptions = {}): Promise<DownloadJob> {
    const { hub } = this.#options;
    const { modelId = null, folder = null, token = null, signal } = options;
    const call = { token: token ?? undefined, signal };
    const more = { modelId, folder, token };
    const reference = hub.parse(text);
    const isOpen = reference.kind !== 'url' && reference.quantization === null && reference.file === null;
    if (!isOpen) return this.start({ plan: await hub.plan(text, call), ...more });
    const listing = await hub.list(reference.repository, { ...call, revision: reference.revision });
    const { offer, choices } = await this.#weigh(listing, { token: call.token, signal });
    if (offer.recommended === null) {
      const [smallest] = offer.quants;
      throw new Fault('does_not_fit', `Of ${offer.repository}, ${offer.reason}.`, {
        hint: smallest === undefined ? undefined : `To fetch one all the same: ${offer.repository}:${smallest.tag}`,
      });
    }
    const choice = choices.quants.find((quant) => quant.tag === offer.recommended) ?? chooseQuant(choices, reference);
    return this.start({ plan: planOf(listing, choices, choice, hub.endpoint, true), ...more });
  }

  /** Looks at the limit again. */
  wake(): void {
    this.#downloads.wake();
  }

  /** Another process goes on with the downloads, until `goOn`. */
  rest(): Promise<void> {
    return this.#downloads.rest();
  }

  goOn(): void {
    this.#downloads.goOn();
  }

  /** Stops promptly; what was running goes on at the next start. */
  close(): Promise<void> {
    return this.#downloads.close();
  }

  async #weigh(
    listing: HubListing,
    options: Pick<PullOptions, 'token' | 'signal'>,
  ): Promise<{ readonly offer: RepositoryOffer; readonly choices: HubChoices }> {
    const choices = quantsOf(listing.files);
    const { candidates, projector, readTag } = await this.#read(listing, choices, options);
    const budget = await this.#options.budget();
    const advice = adviseQuant(candidates, projector, budget, contextWishes({}, this.#options.settings()));
    const quants = choices.quants.flatMap((choice) => offerOf(choice, choices, advice, readTag) ?? []);
    const { repository, revision, gate } = listing;
    return {
      choices,
      offer: {
        repository,
        revision,
        gate,
        quants,
        recommended: advice.recommended,
        reason: advice.reason,
        hasProjector: choices.projectors.length > 0,
      },
    };
  }

  /** The header of one file tells of all: the same model, other types of its weights. */
  async #read(listing: HubListing, choices: HubChoices, options: Pick<PullOptions, 'token' | 'signal'>) {
    const { hub } = this.#options;
    const { repository, revision } = listing;
    const urlOf = (path: string): string => resolveUrl(hub.endpoint, repository, revision, path);
    const complete = choices.quants.filter((choice) => choice.isComplete);
    const basis = complete.find((choice) => choice.files.length === 1) ?? complete[0];
    if (basis === undefined) {
      throw new Fault('not_found', `${repository} has no GGUF model.`, {
        blame: 'remote',
        hint: 'Look for a repository of the same model whose name ends in GGUF.',
      });
    }
    const call = { token: options.token ?? undefined, signal: options.signal };
    const readOf = async (paths: readonly string[]): Promise<ModelFacts> =>
      (await hub.readFacts(paths.map(urlOf), call)).facts;
    const projectorFile = projectorFor(basis, choices);
    const [facts, projector] = await Promise.all([
      readOf(basis.files.map((file) => file.path)),
      projectorFile === null ? null : readOf([projectorFile.path]),
    ]);
    const candidates = choices.quants
      .filter((choice) => choice.name === basis.name)
      .map((choice): QuantCandidate => {
        const { tag, quantization, totalBytes, isComplete } = choice;
        const own =
          choice === basis
            ? facts
            : scaleFacts(facts, basis.totalBytes, totalBytes, quantization ?? facts.quantization);
        return { tag, quantization, totalBytes, isComplete, facts: own };
      });
    return { candidates, projector, readTag: basis.tag };
  }

  /** Lists what was brought, under the name that was asked for. */
  async #register(job: DownloadJob): Promise<void> {
    const { drover, library, configuration, log } = this.#options;
    await drover.rescan();
    const path = job.files[0]?.path;
    if (path === undefined || job.modelId === null) return;
    const known = library.resolve(job.modelId);
    if (known?.files.includes(path) === true) return;
    try {
      await configuration.append(path, {}, job.modelId);
    } catch (thrown) {
      const fault = toFault(thrown);
      // Somebody gave the file an entry already: then it has a name.
      if (fault.kind !== 'conflict') throw fault;
      log.info(`${job.name} has an entry already`, { model: fault.details.existingModelId });
    }
  }
}

function offerOf(choice: QuantChoice, choices: HubChoices, advice: QuantAdvice, readTag: string): QuantOffer | null {
  const known = advice.fits.find((each) => each.tag === choice.tag);
  if (known === undefined) return null;
  const projector = projectorFor(choice, choices);
  return {
    tag: choice.tag,
    quantization: choice.quantization,
    totalBytes: choice.totalBytes + (projector?.sizeBytes ?? 0),
    fileCount: choice.files.length + (projector === null ? 0 : 1),
    isComplete: choice.isComplete,
    fit: known.fit,
    contextTokens: known.contextTokens,
    gpuLayers: known.gpuLayers,
    layerCount: known.layerCount,
    isEstimate: choice.tag !== readTag,
  };
}
