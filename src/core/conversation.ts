// One turn of a conversation: what was said before, the new message, the answer of a model, and both kept in the session.
// It must never keep a turn that did not come to its end.

import type { Drover } from './drover.ts';
import {
  type ChatMessage,
  type Generated,
  type GenerationOptions,
  type GenerationPiece,
  type GenerationRequest,
  generated,
  generating,
  type Sampling,
} from './generation.ts';
import type { ModelRegistrations } from './model-registrations.ts';
import { newSessionId, requireSessionId, type Sessions } from './sessions.ts';

export interface Turn {
  /** Id or alias; null: the default model. */
  readonly model: string | null;
  readonly message: string;
  /** Null: a new one is made. */
  readonly sessionId: string | null;
  /** Said before; null: what the session holds. */
  readonly history: readonly ChatMessage[] | null;
  readonly sampling: Sampling;
}

export interface TurnOutcome extends Generated {
  readonly sessionId: string;
}

export interface ConversationOptions {
  readonly drover: Pick<Drover, 'acquire'>;
  readonly sessions: Sessions;
  readonly registrations: Pick<ModelRegistrations, 'defaultName' | 'usable'>;
  /** What a registration's own words say of sampling. */
  readonly defaultsOf: (document: Readonly<Record<string, unknown>>) => Sampling;
}

export class Conversation {
  readonly #options: ConversationOptions;

  constructor(options: ConversationOptions) {
    this.#options = options;
  }

  /**
   * Gives the pieces of the answer and returns the whole. Faults as `generating` has them; `bad_request` for a bad id,
   * `unprocessable` for a model that is registered and not here.
   */
  async *turn(turn: Turn, options: GenerationOptions): AsyncGenerator<GenerationPiece, TurnOutcome, void> {
    const { drover, sessions } = this.#options;
    if (turn.sessionId !== null) requireSessionId(turn.sessionId);
    const known = turn.sessionId === null ? null : sessions.get(turn.sessionId);
    const sessionId = turn.sessionId ?? newSessionId();
    const before = turn.history ?? (known === null ? [] : sessions.history(known.id));
    const said: ChatMessage = { role: 'user', content: turn.message };
    const request = this.#completed({ model: turn.model, input: [...before, said], ...turn.sampling });
    const whole = yield* generating(drover, request, options);
    const answer: ChatMessage = { role: 'assistant', content: whole.text };
    // What a caller told of a session that we do not know belongs to it; of one that we know, it is there already.
    const news = known === null ? [...before, said, answer] : [said, answer];
    sessions.append(sessionId, news, whole.modelId);
    return { ...whole, sessionId };
  }

  /** One answer to one text, outside any session. */
  answer(request: GenerationRequest, options: GenerationOptions): Promise<Generated> {
    return generated(this.#options.drover, this.#completed(request), options);
  }

  /** What is asked for, else what the model's registration says. */
  #completed(request: GenerationRequest): GenerationRequest {
    const { registrations, defaultsOf } = this.#options;
    const name = request.model ?? registrations.defaultName;
    const document = name === null ? null : registrations.usable(name).document;
    return document === null ? request : { ...defaultsOf(document), ...request };
  }
}
