// All that the page says, in one place: one file per page, joined here. Another language would be another such object.
import { api } from './api.ts';
import { app } from './app.ts';
import { bench } from './bench.ts';
import { chat } from './chat.ts';
import { downloads } from './downloads.ts';
import { get } from './get.ts';
import { home } from './home.ts';
import { instances } from './instances.ts';
import { models } from './models.ts';
import { parts, times } from './parts.ts';
import { settings } from './settings.ts';
import { setup } from './setup.ts';

export const texts = {
  api,
  app,
  bench,
  chat,
  downloads,
  get,
  home,
  instances,
  models,
  parts,
  settings,
  setup,
  times,
} as const;
