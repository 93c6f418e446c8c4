// Our own routes about chats, for people. Only words and schemas.
import { Type } from '@sinclair/typebox';
import type { Operation, Parameter } from '../described.ts';
import * as schema from './schema-chats.ts';

const id: Parameter = { name: 'id', in: 'path', description: 'Of the chat.', example: '{{chat}}' };
const messageId: Parameter = {
  name: 'message',
  in: 'path',
  description: 'Of the message.',
  example: '{{chatMessage}}',
};

export const CHATS: Operation = {
  summary: 'The caller’s chats: pinned ones first, then the latest',
  parameters: [
    { name: 'query', in: 'query', description: 'Only those whose title or messages hold it.' },
    {
      name: 'limit',
      in: 'query',
      description: 'So many.',
      schema: Type.Integer({ minimum: 1, maximum: 500, default: 50 }),
    },
    { name: 'before', in: 'query', description: 'What the answer before said.', schema: Type.Integer({ minimum: 0 }) },
  ],
  answer: schema.chatsAnswer,
};

export const NEW_CHAT: Operation = {
  summary: 'Begin a chat',
  body: { schema: schema.NewChatBody, isOptional: true },
  answer: schema.chatAnswer,
  errors: [409],
};

export const CHAT: Operation = {
  summary: 'One chat with all of its branches',
  parameters: [id],
  answer: schema.wholeChatAnswer,
  errors: [404],
};

export const CHANGE_CHAT: Operation = {
  summary: 'Change a chat’s title, settings, pin or the branch that is shown',
  parameters: [id],
  body: { schema: schema.ChangeChatBody },
  answer: schema.chatAnswer,
  errors: [404],
};

export const REMOVE_CHAT: Operation = {
  summary: 'Delete a chat',
  parameters: [id],
  answer: schema.removedChatsAnswer,
  errors: [404],
};

export const REMOVE_CHATS: Operation = {
  summary: 'Delete all chats of the caller',
  answer: schema.removedChatsAnswer,
};

export const PUT_MESSAGE: Operation = {
  summary: 'Keep a message: a new one, or one that has grown',
  description: 'Its place in the chat (parentId, role) stays. It is durable when it is answered.',
  parameters: [id, messageId],
  body: { schema: schema.MessageBody },
  answer: schema.chatAnswer,
  errors: [404, 409],
};

export const REMOVE_MESSAGE: Operation = {
  summary: 'Delete a message and all that follows it',
  parameters: [id, messageId],
  answer: schema.wholeChatAnswer,
  errors: [404],
};

export const EXPORT_CHAT: Operation = {
  summary: 'One chat as a file',
  description: 'JSON holds all branches, Markdown the one that is shown.',
  parameters: [id, { name: 'format', in: 'query', description: 'Default json.', schema: schema.formats }],
  answer: schema.exportedAnswer,
  errors: [404],
};

export const EXPORT_CHATS: Operation = {
  summary: 'All chats of the caller as a file',
  answer: schema.exportedAnswer,
};

export const IMPORT_CHATS: Operation = {
  summary: 'Bring chats in: as they were exported, or one as OpenAI’s API has it',
  description: 'All of them or none. A chat whose id is taken gets another.',
  body: { schema: schema.ImportBody },
  answer: schema.importedAnswer,
};
