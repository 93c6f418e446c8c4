// Our settings as a user of llamactl looks for them, under its own keys, and such keys back to settings. Pure. It must never
// show a secret, nor take a change of what only the file may say.
import { Fault } from '../../base/fault.ts';
import type { SettingName } from '../../config/schema.ts';
import type { ConfigEdit } from '../../core/config-file.ts';
import type { SettingsView, SettingsWrite } from '../../core/effective-settings.ts';

interface Key {
  readonly section: string;
  readonly name: string;
  readonly setting: SettingName;
  /** False: it decides who may reach what, or where things lie. */
  readonly isWritable: boolean;
}

const key = (section: string, name: string, setting: SettingName, isWritable = true): Key => ({
  section,
  name,
  setting,
  isWritable,
});

/** Times are seconds, as they are there. */
const KEYS: readonly Key[] = [
  key('server', 'also_listen', 'alsoListen', false),
  key('server', 'allowed_origins', 'corsOrigins', false),
  key('auth', 'enabled', 'auth', false),
  key('auth', 'require_api_key', 'requireApiKey', false),
  key('logging', 'level', 'logLevel'),
  key('instances', 'start_port', 'startPort'),
  key('instances', 'idle_timeout', 'ttl'),
  key('instances', 'start_timeout', 'healthCheckTimeout'),
  key('instances', 'stop_timeout', 'drainTimeout'),
  key('instances', 'queue_timeout', 'queueTimeout'),
  key('models', 'folders', 'modelsFolders', false),
  key('models', 'preferred_context', 'preferredContext'),
  key('models', 'min_context', 'minContext'),
  key('models', 'throughput_first', 'throughputFirst'),
  key('models', 'enable_jinja', 'enableJinja'),
  key('backend', 'engine', 'engine', false),
  key('backend', 'preferred', 'preferredBackend'),
  key('backend', 'vram', 'vram'),
  key('backend', 'ram', 'ram'),
];

type View = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** llamactl's view of the configuration, for its part of `GET /api/config`. */
export function llamactlConfigView({ settings, paths }: SettingsView): View {
  const [, host = settings.listen, port = ''] = /^(.*):(\d+)$/.exec(settings.listen) ?? [];
  const sections: Record<string, Record<string, unknown>> = {
    server: { host: host.replace(/^\[|\]$/g, ''), port: Number(port) },
    paths: { data_dir: paths.data, config_file: paths.config, models_dir: paths.models, logs_dir: paths.logs },
  };
  for (const { section, name, setting } of KEYS) {
    sections[section] = { ...sections[section], [name]: settings[setting] };
  }
  sections.instances = {
    ...sections.instances,
    port_range: [settings.startPort, 65_535],
    default_auto_restart: true,
    default_max_restarts: 3,
    default_restart_delay: 5,
  };
  return sections;
}

/** Settings that may also be sent under our own names. */
const OWN_NAMES: ReadonlySet<string> = new Set(
  KEYS.filter(({ isWritable }) => isWritable).map(({ setting }) => setting),
);

/**
 * What a changed view means for the settings. What it leaves as it is, is left. Faults: `bad_request` for a name that means
 * nothing, `forbidden` for what only the file may say.
 */
export function configEdits(sent: Readonly<Record<string, unknown>>, current: View): readonly ConfigEdit[] {
  const edits: ConfigEdit[] = [];
  for (const [section, value] of Object.entries(sent)) {
    if (OWN_NAMES.has(section)) edits.push({ path: [section], value });
    else if (Object.hasOwn(current, section)) edits.push(...sectionEdits(section, value, current[section] ?? {}));
    // What ClaraCore's users see beside it comes back with the whole.
    else if (section !== 'yaml' && section !== 'config') throw unknownKey(section);
  }
  return edits;
}

function sectionEdits(section: string, value: unknown, current: Readonly<Record<string, unknown>>): ConfigEdit[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Fault('bad_request', `"${section}" must be an object.`, { details: { field: section } });
  }
  return Object.entries(value).flatMap(([name, wanted]): ConfigEdit[] => {
    const place = `${section}.${name}`;
    if (Object.hasOwn(current, name) && JSON.stringify(current[name]) === JSON.stringify(wanted)) return [];
    const known = KEYS.find((each) => each.section === section && each.name === name);
    if (known?.isWritable === true) return [{ path: [known.setting], value: wanted ?? undefined }];
    if (!Object.hasOwn(current, name)) throw unknownKey(place);
    throw new Fault('forbidden', `"${place}" cannot be changed by a request.`, {
      hint: 'Change it in the configuration file, or with "drover config set" on this machine.',
      details: { field: place },
    });
  });
}

const unknownKey = (place: string): Fault =>
  new Fault('bad_request', `"${place.slice(0, 80)}" is not part of the configuration.`, {
    hint: 'See GET /api/config for what there is.',
    details: { field: place.slice(0, 80) },
  });

export const configChangedToWire = (outcome: SettingsWrite) => ({
  message: [
    'Configuration updated successfully',
    ...(outcome.waiting.length === 0 ? [] : [`${outcome.waiting.join(', ')}: with the next start of the server`]),
    ...(outcome.overruled.length === 0
      ? []
      : [`${outcome.overruled.join(', ')}: the environment or the command line has the last word`]),
  ].join('; '),
  requires_restart: outcome.waiting.length > 0,
  affected_instances: [...outcome.affected],
});
