// All that the page says, in one place: one file per page, joined here. Another language would be another such object.
import { app } from './app.ts';
import { parts, times } from './parts.ts';

export const texts = { app, parts, times } as const;
