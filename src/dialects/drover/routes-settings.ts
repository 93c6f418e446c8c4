// Our own routes about settings, the configuration's text, folders and engine builds. Each is one call to the core.
import type { AnyElysia } from 'elysia';
import type { Desks } from '../../core/desks.ts';
import { bodyOf, readFields } from '../intake.ts';
import { described } from './operations.ts';
import * as op from './operations-settings.ts';
import { BuildBody, CheckBody, ConfigBody, FolderBody, SettingsBody, UpdateBody } from './schema-settings.ts';
import { engineToWire } from './shape.ts';

export function settingsRoutes(app: AnyElysia, desks: Desks): void {
  const { preferences } = desks;
  app
    .get('/drover/settings', () => ({ settings: preferences.list() }), { detail: described(op.SETTINGS) })
    .patch(
      '/drover/settings',
      async ({ request }) => preferences.change((await bodyOf(request, SettingsBody)).changes),
      { parse: 'none', detail: described(op.CHANGE_SETTINGS) },
    )
    .get('/drover/config', () => preferences.text(), { detail: described(op.CONFIG) })
    .post(
      '/drover/config/check',
      async ({ request }) => ({ problems: preferences.check((await bodyOf(request, CheckBody)).text) }),
      { parse: 'none', detail: described(op.CHECK_CONFIG) },
    )
    .put(
      '/drover/config',
      async ({ request }) => {
        const { text, revision } = await bodyOf(request, ConfigBody);
        const { affected, backupPath } = await preferences.replace(text, revision);
        return { affected, backupPath };
      },
      { parse: 'none', detail: described(op.REPLACE_CONFIG) },
    );
  folderRoutes(app, desks);
  engineRoutes(app, desks);
}

function folderRoutes(app: AnyElysia, { folders }: Desks): void {
  app
    .get('/drover/folders', () => folders.overview(), { detail: described(op.FOLDERS) })
    .post(
      '/drover/folders',
      async ({ request }) => {
        const { path, recursive = true } = await bodyOf(request, FolderBody);
        await folders.add([path], recursive);
        return folders.overview();
      },
      { parse: 'none', detail: described(op.ADD_FOLDER) },
    )
    .delete(
      '/drover/folders',
      async ({ request }) => {
        await folders.drop((await bodyOf(request, FolderBody)).path);
        return folders.overview();
      },
      { parse: 'none', detail: described(op.REMOVE_FOLDER) },
    );
}

function engineRoutes(app: AnyElysia, { engine }: Desks): void {
  app
    .get('/drover/engine', async () => engineToWire(await engine.report()), { detail: described(op.ENGINE) })
    .post(
      '/drover/engine/update',
      async ({ request }) => {
        const { force = false } = await bodyOf(request, UpdateBody);
        const { isNew, builds } = await engine.update(force);
        return { isNew, builds };
      },
      { parse: 'none', detail: described(op.UPDATE_ENGINE) },
    )
    .post(
      '/drover/engine/use',
      async ({ request }) => ({ builds: await engine.use((await bodyOf(request, BuildBody)).id) }),
      { parse: 'none', detail: described(op.USE_BUILD) },
    )
    .post(
      '/drover/engine/rollback',
      async ({ request }) => {
        await readFields(request);
        return { builds: await engine.rollback() };
      },
      { parse: 'none', detail: described(op.ROLLBACK_ENGINE) },
    );
}
