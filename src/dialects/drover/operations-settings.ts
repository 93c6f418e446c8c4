// Our own routes about settings, the configuration's text, folders and engine builds, for people. Only words and schemas.
import type { Operation } from '../described.ts';
import * as schema from './schema-settings.ts';

export const SETTINGS: Operation = {
  summary: 'Every setting: what counts, who said so, and whether it can be changed here',
  answer: schema.settingsAnswer,
};

export const CHANGE_SETTINGS: Operation = {
  summary: 'Change settings in the configuration file',
  description: 'Comments stay. All of them or none.',
  body: { schema: schema.SettingsBody },
  answer: schema.settingsWriteAnswer,
  errors: [403, 404],
};

export const CONFIG: Operation = { summary: 'The configuration file’s text', answer: schema.configAnswer };

export const CHECK_CONFIG: Operation = {
  summary: 'What is wrong or odd in a text for the configuration file',
  description: 'Nothing is written.',
  body: { schema: schema.CheckBody },
  answer: schema.checkedAnswer,
};

export const REPLACE_CONFIG: Operation = {
  summary: 'Replace the configuration file’s text',
  description: 'Refused where the file was changed since the text was read. A backup is kept.',
  body: { schema: schema.ConfigBody },
  answer: schema.configWriteAnswer,
  errors: [403, 409],
};

export const FOLDERS: Operation = {
  summary: 'The folders that models are looked for in',
  answer: schema.foldersAnswer,
};

export const ADD_FOLDER: Operation = {
  summary: 'Look for models in a folder, from now on',
  body: { schema: schema.FolderBody },
  answer: schema.foldersAnswer,
};

export const REMOVE_FOLDER: Operation = {
  summary: 'Look into a folder no longer; nothing in it is touched',
  body: { schema: schema.FolderBody },
  answer: schema.foldersAnswer,
  errors: [404],
};

export const ENGINE: Operation = {
  summary: 'The engine: builds that are here, the newest, the best backend for this machine',
  answer: schema.engineAnswer,
};

export const UPDATE_ENGINE: Operation = {
  summary: 'Bring the newest engine build, and prove it',
  description: 'How it goes is told by the events engine.progress. What runs goes on with its own build.',
  body: { schema: schema.UpdateBody, isOptional: true },
  answer: schema.updatedAnswer,
  errors: [409, 502, 503, 507],
};

export const USE_BUILD: Operation = {
  summary: 'Make an installed engine build the current one',
  body: { schema: schema.BuildBody, examples: { One: { id: 'b11669-vulkan' } } },
  answer: schema.buildsAnswer,
  errors: [404, 409],
  exampleStatus: 404,
};

export const ROLLBACK_ENGINE: Operation = {
  summary: 'Back to the engine build before',
  answer: schema.buildsAnswer,
  errors: [404, 409],
  exampleStatus: 404,
};
