// One WebSocket of LlamaHome's: the events as they happen, and prompts that are sent in, each answered piece by piece. It must
// never go on generating for a peer who has left or does not read, nor close for a message that is wrong.
import { mayDo } from '../../access/identity.ts';
import type { Told } from '../../base/bus.ts';
import { Fault } from '../../base/fault.ts';
import { scanObject } from '../../base/json-scan.ts';
import type { Drover } from '../../core/drover.ts';
import type { HomeDesk } from '../../core/home-desk.ts';
import type { DroverEvent } from '../../core/vocabulary.ts';
import type { Peer, SocketHandlers } from '../socket.ts';
import { checked } from './body.ts';
import type { LlamaHomeLimits } from './limits.ts';
import { answerFrames } from './prompt-stream.ts';
import { MessageBody, ProcessMessage } from './schema-socket.ts';
import { isoTime, toPrompt } from './shape.ts';
import { eventToWire } from './shape-events.ts';
import { failToWire } from './stream.ts';

export interface TalkOptions {
  readonly drover: Drover;
  readonly home: HomeDesk;
  readonly limits: LlamaHomeLimits;
  readonly request: Request;
}

type Id = string | number | null;

export class Talk implements SocketHandlers {
  readonly #options: TalkOptions;
  /** What runs, by the peer's own name for it. */
  readonly #running = new Map<Id | symbol, AbortController>();

  constructor(options: TalkOptions) {
    this.#options = options;
  }

  open(peer: Peer): void {
    const { drover, request } = this.#options;
    const isAdmin = mayDo(request, 'admin');
    const unsubscribe = drover.bus.subscribe((told) => {
      const text = rendered(told, isAdmin);
      // Who does not read loses log lines; before anything else is lost, it is sent away.
      const isLost = text !== null && !peer.send(text) && told.event.type !== 'log';
      if (isLost) peer.close(1013, 'You read too slowly.');
      if (told.event.type === 'server.stopping') peer.close(1001, 'The server is stopping.');
    });
    peer.signal.addEventListener('abort', unsubscribe, { once: true });
  }

  message(peer: Peer, text: string): void {
    let id: Id = null;
    try {
      const fields = fieldsOf(text, this.#options.home.bodyLimitMib);
      id = typeof fields.id === 'string' || typeof fields.id === 'number' ? fields.id : null;
      const { type } = checked(MessageBody, fields);
      if (type === 'ping') say(peer, 'pong', id, {});
      else if (type === 'cancel') this.#cancel(id);
      else this.#process(peer, id, fields);
    } catch (thrown) {
      fail(peer, id, thrown);
    }
  }

  /** Throws `not_found` where nothing of that name runs. */
  #cancel(id: Id): void {
    const running = this.#running.get(id);
    if (running === undefined) throw new Fault('not_found', 'Nothing of that id runs.', { details: { field: 'id' } });
    running.abort(new Fault('cancelled', 'It was cancelled.'));
  }

  #process(peer: Peer, id: Id, fields: Readonly<Record<string, unknown>>): void {
    const { limits, request } = this.#options;
    const body = checked(ProcessMessage, fields);
    if (id !== null && this.#running.has(id)) {
      throw new Fault('unprocessable', `"${id}" runs already.`, { details: { field: 'id' } });
    }
    limits.require('llamahomeRate', request);
    const place = limits.holdStream(request);
    const left = new AbortController();
    const key = id ?? Symbol('unnamed');
    this.#running.set(key, left);
    void this.#run(peer, id, toPrompt(body.prompt, body), left).finally(() => {
      this.#running.delete(key);
      place[Symbol.dispose]();
    });
  }

  async #run(peer: Peer, id: Id, prompt: ReturnType<typeof toPrompt>, left: AbortController): Promise<void> {
    const signal = AbortSignal.any([peer.signal, left.signal]);
    try {
      for await (const frame of answerFrames(this.#options.home.prompting, prompt, signal)) {
        const { done, ...data } = frame as { readonly done?: true };
        if (say(peer, done === true ? 'done' : 'chunk', id, data)) continue;
        left.abort(new Fault('cancelled', 'The pieces were not read.'));
        throw left.signal.reason;
      }
    } catch (thrown) {
      fail(peer, id, thrown);
    }
  }
}

/** Each event is put into words once for all who are told, admins and others. */
const texts = { admins: new WeakMap<object, string | null>(), others: new WeakMap<object, string | null>() };

function rendered(told: Told<DroverEvent>, isAdmin: boolean): string | null {
  const known = isAdmin ? texts.admins : texts.others;
  const before = known.get(told);
  if (before !== undefined) return before;
  const event = eventToWire(told, isAdmin);
  const text = event === null ? null : JSON.stringify(event);
  known.set(told, text);
  return text;
}

const MIB = 1024 * 1024;

function fieldsOf(text: string, limitMib: number): Readonly<Record<string, unknown>> {
  if (Buffer.byteLength(text) > limitMib * MIB) {
    throw new Fault('too_large', `The message is larger than ${limitMib} MiB.`);
  }
  scanObject(new TextEncoder().encode(text), []);
  return JSON.parse(text) as Record<string, unknown>;
}

const say = (peer: Peer, type: string, id: Id, data: object): boolean =>
  peer.send(JSON.stringify({ type, timestamp: isoTime(Date.now()), ...(id === null ? {} : { id }), data }));

function fail(peer: Peer, id: Id, thrown: unknown): void {
  const { error } = failToWire(thrown);
  say(peer, 'error', id, error);
}
