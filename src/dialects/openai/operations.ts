// Each of OpenAI's and the engine's routes for people: what it takes, what it answers, what may go wrong. Only words and
// schemas; what a route does is in `routes`.
import { type Body, describer, type Operation, type Parameter, type Shape, streamedText } from '../described.ts';
import * as take from './schema.ts';
import * as answer from './schema-answers.ts';
import * as native from './schema-native.ts';

export const OPENAI_TAG = 'OpenAI';
export const ENGINE_TAG = 'llama.cpp';
export const SERVER_TAG = 'Server';

export const described = describer({ tag: OPENAI_TAG, error: answer.errorAnswer });

/** What may go wrong with any request that goes to an engine. */
const RELAY_ERRORS = [404, 422, 502, 503, 507];

interface Relayed {
  readonly paths: readonly string[];
  readonly operation: Operation;
}

const relayed = (
  paths: readonly string[],
  summary: string,
  body: Shape,
  answered: Shape,
  more: Partial<Operation> & { readonly examples?: NonNullable<Body['examples']> } = {},
): Relayed => {
  const { examples, errors = [], ...rest } = more;
  return {
    paths,
    operation: {
      summary,
      body: { schema: body, ...(examples === undefined ? {} : { examples }) },
      answer: answered,
      errors: [...RELAY_ERRORS, ...errors],
      ...rest,
    },
  };
};

const streamed = (words: string) => ({
  alternatives: { 'text/event-stream': () => streamedText(`With "stream": true: ${words}`) },
});
const CHUNKS = 'a frame per token, then "data: [DONE]".';
const EVENTS = 'events by name, one after the other, until the last one says so.';
const FOR_EMBEDDERS = 'Only models for embeddings can; others answer 501.';
const FOR_RERANKERS = 'Only rerankers can; others answer 501.';

/** Paths that take a JSON object with a `model` and go to its engine as they are. */
export const RELAYED: readonly Relayed[] = [
  relayed(['/v1/chat/completions', '/chat/completions'], 'Chat', take.chatBody, answer.chatAnswer, {
    description: 'The model is loaded if need be. Fields that are not shown here go to the engine as they are.',
    examples: take.chatExamples,
    ...streamed(CHUNKS),
  }),
  relayed(
    ['/v1/chat/completions/input_tokens', '/chat/completions/input_tokens'],
    'Count the tokens of a chat',
    take.chatBody,
    answer.tokenCount,
    { examples: take.countedChatExamples },
  ),
  relayed(['/v1/chat/completions/control'], 'Steer a running chat', take.controlBody, native.controlAnswer, {
    description: 'Ends the thinking of a completion that streams.',
  }),
  relayed(['/v1/completions'], 'Complete a text', take.completionBody, answer.completionAnswer, streamed(CHUNKS)),
  relayed(['/v1/embeddings'], 'Embed texts', take.embeddingBody, answer.embeddingAnswer, {
    description: FOR_EMBEDDERS,
    errors: [501],
  }),
  relayed(
    ['/embeddings', '/embedding'],
    'Embed texts, as llama.cpp has it',
    take.nativeEmbeddingBody,
    native.nativeEmbeddingAnswer,
    { description: FOR_EMBEDDERS, errors: [501] },
  ),
  relayed(
    ['/v1/rerank', '/v1/reranking', '/rerank', '/reranking'],
    'Rank documents by a query',
    take.rerankBody,
    answer.rerankAnswer,
    { description: FOR_RERANKERS, errors: [501] },
  ),
  relayed(
    ['/v1/responses', '/responses'],
    'OpenAI’s responses',
    take.responsesBody,
    answer.responsesAnswer,
    streamed(EVENTS),
  ),
  relayed(
    ['/v1/responses/input_tokens'],
    'Count the tokens of a response’s input',
    take.responsesBody,
    answer.tokenCount,
  ),
  relayed(['/v1/messages'], 'Anthropic’s messages', take.messagesBody, answer.messagesAnswer, {
    ...streamed(EVENTS),
    error: answer.anthropicError,
  }),
  relayed(['/v1/messages/count_tokens'], 'Count the tokens of messages', take.messagesBody, answer.tokenCount, {
    error: answer.anthropicError,
  }),
  relayed(['/infill'], 'Fill in the middle', take.infillBody, native.infillAnswer, {
    description: 'Only models that were trained for it can; others answer 501.',
    errors: [501],
    ...streamed('a frame per token.'),
  }),
  relayed(
    ['/completion', '/completions'],
    'Complete a text, as llama.cpp has it',
    take.nativeCompletionBody,
    native.nativeCompletionAnswer,
    streamed('a frame per token.'),
  ),
  relayed(['/tokenize'], 'Text to tokens', take.tokenizeBody, native.tokenizeAnswer),
  relayed(['/detokenize'], 'Tokens to text', take.detokenizeBody, native.detokenizeAnswer),
  relayed(['/apply-template'], 'A chat as the prompt that the model gets', take.templateBody, native.templateAnswer),
];

const AUDIO = 'Goes to a model whose entry has a `cmd` that speaks this, such as whisper-server.';

export const TRANSCRIPTION: Operation = {
  summary: 'Speech to text',
  description: AUDIO,
  body: { schema: take.transcriptionForm, contentType: 'multipart/form-data' },
  answer: answer.transcriptionAnswer,
  errors: RELAY_ERRORS,
};

export const SPEECH: Operation = {
  summary: 'Text to speech',
  description: AUDIO,
  body: { schema: take.speechBody },
  answer: answer.sound,
  answerType: 'audio/*',
  errors: RELAY_ERRORS,
};

const modelQuery: Parameter = {
  name: 'model',
  in: 'query',
  description: 'Id or alias. Without it: the only model, or the default.',
  example: '{{model}}',
};

const asked = (summary: string, answered: Shape): Operation => ({
  tag: ENGINE_TAG,
  summary,
  description: 'Loads the model if need be.',
  parameters: [modelQuery],
  answer: answered,
  errors: [400, 404, 422, 502, 503, 507],
});

/** Pages of the engine's own that name their model in the query. */
export const ASKED: readonly (readonly [path: string, operation: Operation])[] = [
  ['/props', asked('Settings of a model’s engine', native.propsAnswer)],
  ['/slots', asked('What each slot of a model’s engine does', native.slotsAnswer)],
  ['/lora-adapters', asked('Adapters of a model’s engine', native.lorasAnswer)],
];

const upstreamPath = (example: string): readonly Parameter[] => [
  { name: 'model', in: 'path', description: 'Id or alias.', example: '{{model}}' },
  { name: 'path', in: 'path', description: 'A path of the engine’s, which may hold slashes.', example },
];
const UPSTREAM = 'Any method and body. Of every path, the longest beginning that names a model is the model.';

export const UPSTREAM_GET: Operation = {
  tag: SERVER_TAG,
  summary: 'Anything that a model’s engine speaks',
  description: UPSTREAM,
  parameters: upstreamPath('health'),
  answer: native.upstreamAnswer,
  answerType: '*/*',
  errors: [404, 422, 502, 503, 507],
};

export const UPSTREAM_POST: Operation = {
  ...UPSTREAM_GET,
  parameters: upstreamPath('tokenize'),
  body: { schema: take.upstreamBody },
  errors: RELAY_ERRORS,
};
