// What this page asks of the server.
import { useQuery } from '@tanstack/react-query';
import type * as schema from '../../../dialects/drover/schema-settings.ts';
import type { Answer } from '../../api/answers.ts';
import { get } from '../../api/client.ts';

export type Setting = Answer<typeof schema.settingsAnswer>['settings'][number];
export type SettingsWrite = Answer<typeof schema.settingsWriteAnswer>;
export type Config = Answer<typeof schema.configAnswer>;
export type ConfigWrite = Answer<typeof schema.configWriteAnswer>;
export type Problem = Answer<typeof schema.checkedAnswer>['problems'][number];
export type FolderList = Answer<typeof schema.foldersAnswer>;
export type EngineReport = Answer<typeof schema.engineAnswer>;
export type Updated = Answer<typeof schema.updatedAnswer>;

export const keys = { settings: ['settings'], config: ['config'], folders: ['folders'], engine: ['engine'] } as const;

export const useSettings = () =>
  useQuery({
    queryKey: keys.settings,
    queryFn: async ({ signal }) => (await get<{ settings: Setting[] }>('/drover/settings', { signal })).settings,
  });
export const useConfig = () =>
  useQuery({ queryKey: keys.config, queryFn: ({ signal }) => get<Config>('/drover/config', { signal }) });
export const useFolders = () =>
  useQuery({ queryKey: keys.folders, queryFn: ({ signal }) => get<FolderList>('/drover/folders', { signal }) });
export const useEngine = () =>
  useQuery({ queryKey: keys.engine, queryFn: ({ signal }) => get<EngineReport>('/drover/engine', { signal }) });
