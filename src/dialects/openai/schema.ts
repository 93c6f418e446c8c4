// What OpenAI's and the engine's own routes take, as documentation: open, because what the engine understands is the
// engine's to say. They must never be used to check a relayed body: unknown fields survive. Made when somebody reads
// the document, hence functions.
import { type TSchema, Type } from '@sinclair/typebox';

const open = { additionalProperties: true } as const;
const optional = Type.Optional;
const text = (description: string): TSchema => optional(Type.String({ description }));
const whole = (description: string): TSchema => optional(Type.Integer({ description }));
const number = (description: string): TSchema => optional(Type.Number({ description }));
const yes = (description: string): TSchema => optional(Type.Boolean({ description }));

const model = () => text('Id or alias. Without it: the only model, or the default.');
const stream = () => yes('Server-sent events instead of one answer.');

/** How tokens are picked; every completion takes these. */
const sampling = () => ({
  temperature: number('0: always the likeliest token.'),
  top_p: number('Only the likeliest tokens up to this sum of probabilities.'),
  top_k: whole('Only this many of the likeliest tokens; 0: all.'),
  min_p: number('Only tokens at least this likely, against the likeliest.'),
  seed: whole('The same seed, the same answer; -1: another one each time.'),
  stop: optional(
    Type.Union([Type.String(), Type.Array(Type.String())], {
      description: 'Texts that end the answer. They are not in it.',
    }),
  ),
  presence_penalty: number('Above 0: rather what was not said yet.'),
  frequency_penalty: number('Above 0: rather what was said less.'),
});

const message = () =>
  Type.Object(
    {
      role: Type.String({ description: 'system, user, assistant or tool.' }),
      content: optional(
        Type.Union([Type.String(), Type.Array(Type.Object({ type: Type.String() }, open)), Type.Null()], {
          description: 'A text, or parts: text, image_url, input_audio.',
        }),
      ),
    },
    open,
  );
const messages = () => Type.Array(message(), { description: 'The conversation, oldest first.' });

export const chatBody = (): TSchema =>
  Type.Object(
    {
      model: model(),
      messages: messages(),
      max_tokens: whole('Tokens to generate at most.'),
      stream: stream(),
      stream_options: optional(Type.Object({ include_usage: yes('The token counts in the last frame.') }, open)),
      ...sampling(),
      tools: optional(
        Type.Array(
          Type.Object({ type: Type.Literal('function'), function: Type.Object({ name: Type.String() }, open) }, open),
          { description: 'Functions that the model may call; its template must know of tools.' },
        ),
      ),
      tool_choice: optional(
        Type.Union([Type.String(), Type.Object({}, open)], { description: 'auto, none, required, or one function.' }),
      ),
      response_format: optional(
        Type.Object({ type: Type.String({ description: 'text, json_object or json_schema.' }) }, open),
      ),
      logprobs: yes('The probabilities of the tokens too.'),
      top_logprobs: whole('Of how many tokens at each place.'),
      chat_template_kwargs: optional(
        Type.Object({}, { ...open, description: 'Variables of the chat template, such as enable_thinking.' }),
      ),
    },
    { ...open, $id: 'ChatRequest' },
  );

const hello = [{ role: 'user', content: 'Say hello.' }];
export const chatExamples = {
  'One answer': { model: '{{model}}', messages: hello, max_tokens: 64 },
  'A stream': { model: '{{model}}', messages: hello, max_tokens: 64, stream: true },
};
export const countedChatExamples = { 'A chat': { model: '{{model}}', messages: hello } };

export const controlBody = (): TSchema =>
  Type.Object(
    {
      model: model(),
      id: Type.String({ description: 'The id of the running completion, from its first frame.' }),
      action: Type.String({ description: 'reasoning_end: stop thinking and answer.' }),
    },
    { ...open, examples: [{ model: '{{model}}', id: 'chatcmpl-1', action: 'reasoning_end' }] },
  );

const prompt = () =>
  Type.Union([Type.String(), Type.Array(Type.Unknown())], { description: 'A text, tokens, or several of them.' });

export const completionBody = (): TSchema =>
  Type.Object(
    {
      model: model(),
      prompt: prompt(),
      max_tokens: whole('Tokens to generate at most.'),
      stream: stream(),
      ...sampling(),
      echo: yes('The prompt at the beginning of the answer.'),
    },
    {
      ...open,
      $id: 'CompletionRequest',
      examples: [{ model: '{{model}}', prompt: 'Once upon a time', max_tokens: 64 }],
    },
  );

export const nativeCompletionBody = (): TSchema =>
  Type.Object(
    {
      model: model(),
      prompt: prompt(),
      n_predict: whole('Tokens to generate at most; -1: until the model ends.'),
      stream: stream(),
      ...sampling(),
      cache_prompt: yes('Keep what was computed of the prompt for the next request. Default true.'),
      return_tokens: yes('The tokens of the answer too.'),
      grammar: text('GBNF: only answers of this grammar.'),
      json_schema: optional(Type.Object({}, { ...open, description: 'Only JSON of this schema.' })),
      n_probs: whole('The probabilities of so many tokens at each place.'),
    },
    {
      ...open,
      $id: 'NativeCompletionRequest',
      examples: [{ model: '{{model}}', prompt: 'Once upon a time', n_predict: 64 }],
    },
  );

export const infillBody = (): TSchema =>
  Type.Object(
    {
      model: model(),
      input_prefix: Type.String({ description: 'What stands before the gap.' }),
      input_suffix: Type.String({ description: 'What stands behind it.' }),
      input_extra: optional(
        Type.Array(Type.Object({ filename: Type.String(), text: Type.String() }, open), {
          description: 'Other files, for context.',
        }),
      ),
      prompt: text('The beginning of what fills the gap.'),
      n_predict: whole('Tokens to generate at most.'),
      stream: stream(),
      ...sampling(),
    },
    {
      ...open,
      examples: [
        {
          model: '{{infillModel}}',
          input_prefix: 'def add(a, b):\n    ',
          input_suffix: '\n\nprint(add(1, 2))\n',
          n_predict: 32,
        },
      ],
    },
  );

const inputs = () =>
  Type.Union([Type.String(), Type.Array(Type.Unknown())], { description: 'A text, tokens, or several of them.' });

export const embeddingBody = (): TSchema =>
  Type.Object(
    {
      model: model(),
      input: inputs(),
      encoding_format: text('float (the default) or base64.'),
    },
    {
      ...open,
      $id: 'EmbeddingRequest',
      examples: [{ model: '{{embeddingModel}}', input: ['The water is cold.', 'A cold sea.'] }],
    },
  );

export const nativeEmbeddingBody = (): TSchema =>
  Type.Object(
    { model: model(), content: inputs(), embd_normalize: whole('-1: as they come; 2 (the default): of length 1.') },
    {
      ...open,
      $id: 'NativeEmbeddingRequest',
      examples: [{ model: '{{embeddingModel}}', content: 'The water is cold.' }],
    },
  );

export const rerankBody = (): TSchema =>
  Type.Object(
    {
      model: model(),
      query: Type.String(),
      documents: optional(Type.Array(Type.String())),
      texts: optional(
        Type.Array(Type.String(), { description: 'Instead of documents: the answer is then a bare list.' }),
      ),
      top_n: whole('So many of the best. Default: all.'),
    },
    {
      ...open,
      $id: 'RerankRequest',
      examples: [{ model: '{{rerankModel}}', query: 'a ship', documents: ['The boat is at sea.', 'A tree grows.'] }],
    },
  );

export const responsesBody = (): TSchema =>
  Type.Object(
    {
      model: model(),
      input: Type.Union([Type.String(), Type.Array(Type.Object({}, open))], { description: 'A text, or items.' }),
      instructions: text('The system prompt.'),
      max_output_tokens: whole('Tokens to generate at most.'),
      stream: stream(),
      temperature: number('0: always the likeliest token.'),
      top_p: number('Only the likeliest tokens up to this sum of probabilities.'),
      tools: optional(Type.Array(Type.Object({ type: Type.String() }, open))),
    },
    {
      ...open,
      $id: 'ResponsesRequest',
      examples: [{ model: '{{model}}', input: 'Say hello.', max_output_tokens: 64 }],
    },
  );

export const messagesBody = (): TSchema =>
  Type.Object(
    {
      model: model(),
      messages: messages(),
      max_tokens: whole('Tokens to generate at most.'),
      system: optional(
        Type.Union([Type.String(), Type.Array(Type.Object({}, open))], { description: 'The system prompt.' }),
      ),
      stream: stream(),
      temperature: number('0: always the likeliest token.'),
      stop_sequences: optional(Type.Array(Type.String())),
      tools: optional(Type.Array(Type.Object({ name: Type.String() }, open))),
    },
    { ...open, $id: 'MessagesRequest', examples: [{ model: '{{model}}', max_tokens: 64, messages: hello }] },
  );

export const tokenizeBody = (): TSchema =>
  Type.Object(
    {
      model: model(),
      content: Type.String(),
      add_special: yes('The token that begins a text too. Default false.'),
      parse_special: yes('Read special tokens in the text. Default true.'),
      with_pieces: yes('The text of each token too.'),
    },
    { ...open, examples: [{ model: '{{model}}', content: 'Hello, world!' }] },
  );

export const detokenizeBody = (): TSchema =>
  Type.Object(
    { model: model(), tokens: Type.Array(Type.Integer()) },
    { ...open, examples: [{ model: '{{model}}', tokens: [260, 261, 262] }] },
  );

export const templateBody = (): TSchema =>
  Type.Object(
    { model: model(), messages: messages() },
    { ...open, examples: [{ model: '{{model}}', messages: hello }] },
  );

export const speechBody = (): TSchema =>
  Type.Object(
    {
      model: model(),
      input: Type.String({ description: 'What is to be said.' }),
      voice: text('One of the engine’s voices.'),
      response_format: text('mp3, wav, flac, …: what the engine can.'),
      speed: number('1: as usual.'),
    },
    { ...open, examples: [{ model: '{{speechModel}}', input: 'Hello.', voice: 'alloy', response_format: 'wav' }] },
  );

export const transcriptionForm = (): TSchema =>
  Type.Object(
    {
      model: model(),
      file: Type.Unsafe<Blob>({ type: 'string', format: 'binary', description: 'The recording: WAV, MP3, FLAC, …' }),
      language: text('Such as en; without it the engine finds out.'),
      prompt: text('Words that occur, for their spelling.'),
      response_format: text('json (the default), or what else the engine can.'),
      temperature: number('0: always the likeliest token.'),
    },
    { ...open, examples: [{ model: '{{transcriptionModel}}', response_format: 'json' }] },
  );

export const upstreamBody = (): TSchema =>
  Type.Object({}, { ...open, description: 'Whatever the engine takes.', examples: [{ content: 'Hello, world!' }] });
