// Our own routes about settings, the configuration's text, folders and engine builds. Each is one call to the core.
import type { AnyElysia } from 'elysia';
import { Fault } from '../../base/fault.ts';
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
  const view = () => ({
    folders: folders.list(),
    downloadFolder: folders.destinations().find(({ isDefault }) => isDefault)?.path ?? null,
  });
  app
    .get('/drover/folders', view, { detail: described(op.FOLDERS) })
    .post(
      '/drover/folders',
      async ({ request }) => {
        const { path, recursive = true } = await bodyOf(request, FolderBody);
        await folders.add([path], recursive);
        return view();
      },
      { parse: 'none', detail: described(op.ADD_FOLDER) },
    )
    .delete(
      '/drover/folders',
      async ({ request }) => {
        const { path } = await bodyOf(request, FolderBody);
        const { removed } = await folders.remove([path]);
        if (removed.length > 0) return view();
        throw new Fault('not_found', `${path.slice(0, 200)} is not tracked.`, {
          hint: 'A folder that the configuration names is taken out there.',
          details: { field: 'path' },
        });
      },
      { parse: 'none', detail: described(op.REMOVE_FOLDER) },
    );
}

function engineRoutes(app: AnyElysia, { engine }: Desks): void {
  app
    .get(
      '/drover/engine',
      async () => {
        return engineToWire(await engine.report(), engine.builds());
      },
      { detail: described(op.ENGINE) },
    )
    .post(
      '/drover/engine/update',
      async ({ request }) => {
        const { force = false } = await bodyOf(request, UpdateBody);
        const { isNew } = await engine.update(force);
        return { isNew, builds: engine.builds() };
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
