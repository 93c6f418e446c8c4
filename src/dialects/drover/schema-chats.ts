// The shapes of our own API about chats: bodies that are checked, answers field by field.
import { Type } from '@sinclair/typebox';
import { list, oneOf, orNull } from './schema-words.ts';

const strict = { additionalProperties: false } as const;
const figure = (minimum: number, maximum: number) => orNull(Type.Number({ minimum, maximum }));
const amount = () => orNull(Type.Number({ minimum: 0 }));
const time = () => Type.Number({ minimum: 0, maximum: 8.64e15, description: 'Epoch milliseconds.' });
const id = (description: string) => Type.String({ minLength: 1, maxLength: 64, description });
const role = () => Type.Union([Type.Literal('user'), Type.Literal('assistant')]);

export const ChatSettingsSchema = Type.Object(
  {
    modelId: orNull(Type.String({ maxLength: 512 })),
    systemPrompt: Type.String({ maxLength: 1_000_000 }),
    sampling: Type.Object(
      {
        temperature: figure(0, 10),
        topP: figure(0, 1),
        topK: figure(0, 1_000_000),
        minP: figure(0, 1),
        repeatPenalty: figure(0, 10),
        presencePenalty: figure(-2, 2),
        frequencyPenalty: figure(-2, 2),
        maxTokens: figure(1, 100_000_000),
        seed: orNull(Type.Integer({ minimum: 0, maximum: 4_294_967_295 })),
        stop: Type.Array(Type.String({ minLength: 1, maxLength: 1000 }), { maxItems: 16 }),
      },
      { ...strict, description: 'Null: the model’s own default.' },
    ),
  },
  strict,
);

const title = () => Type.String({ maxLength: 200 });

export const NewChatBody = Type.Object(
  {
    id: Type.Optional(id('Of your own; absent: one is made.')),
    title: Type.Optional(title()),
    settings: Type.Optional(ChatSettingsSchema),
  },
  { additionalProperties: true, examples: [{ title: 'About sheep' }] },
);

export const ChangeChatBody = Type.Object(
  {
    title: Type.Optional(title()),
    settings: Type.Optional(ChatSettingsSchema),
    isPinned: Type.Optional(Type.Boolean()),
    headId: Type.Optional(orNull(id('The leaf that is shown.'))),
  },
  { additionalProperties: true, examples: [{ isPinned: true }] },
);

const attachment = Type.Object(
  {
    kind: Type.Union([Type.Literal('image'), Type.Literal('text')]),
    name: Type.String({ maxLength: 512 }),
    mediaType: Type.String({ maxLength: 128 }),
    sizeBytes: Type.Number({ minimum: 0 }),
    data: Type.String({ description: 'Base64 of an image, a text as it is.' }),
  },
  strict,
);

const MESSAGE = {
  parentId: orNull(id('What it follows; null: it is a beginning.')),
  role: role(),
  content: Type.String(),
  reasoning: orNull(Type.String()),
  attachments: Type.Array(attachment, { maxItems: 16 }),
  modelId: orNull(Type.String({ maxLength: 512, description: 'Who answered.' })),
  createdAt: time(),
  state: Type.Union(['complete', 'partial', 'stopped', 'failed'].map((word) => Type.Literal(word as 'complete'))),
  failure: orNull(Type.String({ maxLength: 10_000 })),
  metrics: orNull(
    Type.Object(
      {
        promptTokens: amount(),
        cachedTokens: amount(),
        generatedTokens: amount(),
        promptMs: amount(),
        generationMs: amount(),
        firstTokenMs: amount(),
      },
      { ...strict, description: 'As the engine counted.' },
    ),
  ),
};

export const MessageBody = Type.Object(MESSAGE, {
  ...strict,
  examples: [
    {
      parentId: null,
      role: 'user',
      content: 'How many sheep does a drover drive?',
      reasoning: null,
      attachments: [],
      modelId: null,
      createdAt: 1_790_000_000_000,
      state: 'complete',
      failure: null,
      metrics: null,
    },
  ],
});

const CHAT = {
  id: id('Its id.'),
  title: Type.String(),
  settings: ChatSettingsSchema,
  isPinned: Type.Boolean(),
  headId: orNull(id('The leaf that is shown.')),
  createdAt: time(),
  updatedAt: time(),
  messageCount: Type.Integer({ minimum: 0, description: 'Over all branches.' }),
};

export const chatAnswer = () => Type.Object(CHAT, { $id: 'Chat' });

const messageAnswer = () => Type.Object({ id: id('Its id.'), ...MESSAGE }, { $id: 'ChatMessage' });

export const wholeChatAnswer = () =>
  Type.Object(
    { chat: chatAnswer(), messages: list(messageAnswer(), { description: 'All branches, oldest first.' }) },
    { $id: 'WholeChat' },
  );

export const chatsAnswer = () =>
  Type.Object({
    chats: list(
      Type.Object({ ...CHAT, excerpt: orNull(Type.String({ description: 'Around what was searched for.' })) }),
    ),
    nextBefore: orNull(Type.Integer({ description: 'Ask with it for the next ones.' })),
  });

export const ImportBody = Type.Object(
  {
    chats: Type.Optional(
      Type.Array(
        Type.Object({
          chat: Type.Object({ ...CHAT, title: title() }),
          messages: Type.Array(Type.Object({ id: id('Its id.'), ...MESSAGE }, strict), { maxItems: 10_000 }),
        }),
        { maxItems: 10_000 },
      ),
    ),
    title: Type.Optional(title()),
    messages: Type.Optional(
      Type.Array(
        Type.Object({
          role: Type.Union([role(), Type.Literal('system')]),
          content: Type.String(),
        }),
        { maxItems: 10_000, description: 'In place of `chats`: one chat, as OpenAI’s API has it.' },
      ),
    ),
  },
  {
    additionalProperties: true,
    examples: [{ title: 'From elsewhere', messages: [{ role: 'user', content: 'Hello!' }] }],
  },
);

export const importedAnswer = () => Type.Object({ chats: list(chatAnswer()) });
export const removedChatsAnswer = () => Type.Object({ removedCount: Type.Integer({ minimum: 0 }) });
export const exportedAnswer = () => Type.Object({ chats: list(wholeChatAnswer()) });
export const formats = () => oneOf(['json', 'markdown']);
