// All that the page says, in one place: one file per page, joined here. Another language would be another such object.
import { api } from './api.ts';
import { app } from './app.ts';
import { chat } from './chat.ts';
import { models } from './models.ts';
import { parts, times } from './parts.ts';

export const texts = { api, app, chat, models, parts, times } as const;
