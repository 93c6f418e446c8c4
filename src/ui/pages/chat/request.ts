// The body of POST /v1/chat/completions for a path of messages. Pure; what is not set is left out, so that the model's own
// defaults hold.
import type { Attachment, ChatMessage, ChatSettings, Sampling } from './chat.ts';

const NAMES: Readonly<Record<Exclude<keyof Sampling, 'stop'>, string>> = {
  temperature: 'temperature',
  topP: 'top_p',
  topK: 'top_k',
  minP: 'min_p',
  repeatPenalty: 'repeat_penalty',
  presencePenalty: 'presence_penalty',
  frequencyPenalty: 'frequency_penalty',
  maxTokens: 'max_tokens',
  seed: 'seed',
};

type Said = Pick<ChatMessage, 'role' | 'content' | 'attachments' | 'state'>;

interface RequestParts {
  readonly modelId: string;
  readonly settings: ChatSettings;
  /** From the first to what is to be answered, or to the part that is to be gone on with. */
  readonly path: readonly Said[];
  /** Some other server than llama-server, which may refuse what OpenAI does not know. */
  readonly isForeign: boolean;
}

export type CompletionBody = Readonly<Record<string, unknown>>;

export function completionBody({ modelId, settings, path, isForeign }: RequestParts): CompletionBody {
  const system = settings.systemPrompt.trim();
  // An answer of which nothing came would only confuse the model.
  const said = path.filter(({ role, content }) => role === 'user' || content !== '');
  return {
    model: modelId,
    messages: [
      ...(system === '' ? [] : [{ role: 'system', content: settings.systemPrompt }]),
      ...said.map((message) => ({ role: message.role, content: contentOf(message) })),
    ],
    stream: true,
    stream_options: { include_usage: true },
    ...samplingOf(settings.sampling),
    ...(isForeign ? {} : { return_progress: true, timings_per_token: false }),
  };
}

function samplingOf(sampling: Sampling): CompletionBody {
  const set = Object.entries(NAMES).flatMap(([name, wire]) => {
    const value = sampling[name as keyof typeof NAMES];
    return value === null ? [] : [[wire, value] as const];
  });
  return { ...Object.fromEntries(set), ...(sampling.stop.length === 0 ? {} : { stop: [...sampling.stop] }) };
}

function contentOf({ content, attachments }: Said): unknown {
  const files = attachments.filter(({ kind }) => kind === 'text').map(fencedFile);
  const text = [...files, content].filter((part) => part !== '').join('\n\n');
  const images = attachments.filter(({ kind }) => kind === 'image');
  if (images.length === 0) return text;
  return [
    ...images.map((image) => ({ type: 'image_url', image_url: { url: imageAddress(image) } })),
    ...(text === '' ? [] : [{ type: 'text', text }]),
  ];
}

export const imageAddress = ({ mediaType, data }: Attachment): string =>
  data.startsWith('data:') ? data : `data:${mediaType};base64,${data}`;

/** A fence is longer than any within the file, so that the file cannot end it. */
function fencedFile({ name, data }: Attachment): string {
  const longest = Math.max(0, ...[...data.matchAll(/`{3,}/g)].map(([fence]) => fence.length));
  const fence = '`'.repeat(Math.max(3, longest + 1));
  return `${name}:\n${fence}\n${data.replace(/\n$/, '')}\n${fence}`;
}
