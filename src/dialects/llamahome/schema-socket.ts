// What may be said to LlamaHome's WebSocket.
import { Type } from '@sinclair/typebox';
import { open, PromptBody } from './schema.ts';

const id = Type.Optional(
  Type.Union([Type.String({ maxLength: 256 }), Type.Number()], { description: 'Comes back with every piece.' }),
);

export const MessageBody = Type.Object(
  { type: Type.Union([Type.Literal('process'), Type.Literal('cancel'), Type.Literal('ping')]), id },
  open,
);

export const ProcessMessage = Type.Object({ ...PromptBody.properties, id }, open);
