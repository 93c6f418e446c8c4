// The shapes of our own API about settings, the configuration's text, folders and engine builds: bodies that are checked,
// answers field by field.
import { Type } from '@sinclair/typebox';
import { epochMs, list, number, oneOf, orNull, text, whole, yes } from './schema-words.ts';

const open = { additionalProperties: true } as const;
const BACKENDS = ['cuda', 'rocm', 'vulkan', 'metal', 'sycl', 'cpu'] as const;

export const SettingsBody = Type.Object(
  {
    changes: Type.Record(Type.String({ maxLength: 64 }), Type.Unknown(), {
      description: 'By name; null takes a setting out of the file.',
    }),
  },
  { ...open, examples: [{ changes: { ttl: 1800 } }] },
);

export const CheckBody = Type.Object(
  { text: Type.String({ maxLength: 8_000_000 }) },
  { ...open, examples: [{ text: 'ttl: 1800\n' }] },
);

export const ConfigBody = Type.Object(
  {
    text: Type.String({ maxLength: 8_000_000 }),
    revision: Type.String({ maxLength: 64, description: 'Of the text that was edited.' }),
  },
  { ...open, examples: [{ text: 'ttl: 1800\n', revision: '{{configRevision}}' }] },
);

export const FolderBody = Type.Object(
  {
    path: Type.String({ minLength: 1, maxLength: 4096, description: 'Absolute, on the machine of the server.' }),
    recursive: Type.Optional(Type.Boolean({ default: true })),
  },
  { ...open, examples: [{ path: '{{modelsFolder}}' }] },
);

export const BuildBody = Type.Object({ id: Type.String({ minLength: 1, maxLength: 256 }) }, open);
export const UpdateBody = Type.Object(
  { force: Type.Optional(Type.Boolean({ description: 'Prove it anew, even if it is the newest.' })) },
  { ...open, examples: [{ force: false }] },
);

export const settingsAnswer = () =>
  Type.Object({
    settings: list(
      Type.Object({
        name: text(),
        kind: oneOf(['boolean', 'number', 'text', 'choice', 'texts', 'other']),
        choices: list(text()),
        minimum: orNull(number()),
        maximum: orNull(number()),
        isNullable: yes('Null means automatic.'),
        help: text(),
        environmentName: orNull(text()),
        defaultValue: Type.Unknown(),
        value: Type.Unknown({ description: 'As it counts now.' }),
        source: oneOf(['default', 'file', 'environment', 'flag']),
        lockedBy: orNull(text('Why a request may not change it.')),
        needsRestart: yes('A change counts from the next start on.'),
      }),
    ),
  });

export const settingsWriteAnswer = () =>
  Type.Object({
    affected: list(text(), { description: 'Models that run with older settings.' }),
    backupPath: orNull(text('The configuration before.')),
    waiting: list(text(), { description: 'Settings that count from the next start on.' }),
    overruled: list(text(), { description: 'Settings that the environment or the command line decides.' }),
  });

export const configAnswer = () =>
  Type.Object({ path: text(), text: text('Secrets are masked.'), revision: text('To be sent back with a new text.') });

export const checkedAnswer = () =>
  Type.Object({
    problems: list(
      Type.Object({
        severity: oneOf(['error', 'warning']),
        line: orNull(whole('From 1.')),
        column: orNull(whole('From 1.')),
        message: text(),
      }),
    ),
  });

export const configWriteAnswer = () =>
  Type.Object({
    affected: list(text(), { description: 'Models that run with older settings.' }),
    backupPath: orNull(text('The configuration before.')),
  });

export const foldersAnswer = () =>
  Type.Object({
    folders: list(
      Type.Object({
        path: text(),
        isRecursive: yes(),
        isEnabled: yes(),
        isFromSettings: yes('The configuration, the environment or the command line names it.'),
        modelCount: whole(),
        addedAt: epochMs(),
        scannedAt: orNull(epochMs()),
      }),
    ),
    downloadFolder: orNull(text('Where downloads go.')),
  });

const build = () =>
  Type.Object({
    id: text(),
    version: text(),
    backend: oneOf(BACKENDS),
    source: oneOf(['given', 'github', 'debian', 'archive']),
    isCurrent: yes(),
    proof: orNull(
      Type.Object({
        at: epochMs(),
        isGood: yes(),
        bufferDevices: list(text()),
        tokensPerSecond: orNull(number()),
        reason: orNull(text('Why it failed.')),
      }),
    ),
  });

export const buildsAnswer = () => Type.Object({ builds: list(build()) });

export const engineAnswer = () =>
  Type.Object({
    builds: list(build()),
    isGiven: yes('The settings name it, so it is not ours to change.'),
    path: orNull(text('The executable.')),
    newest: orNull(Type.Object({ id: text(), version: text(), backend: oneOf(BACKENDS) })),
    newestFailure: orNull(text('Why the newest is not known.')),
    bestBackend: orNull(oneOf(BACKENDS)),
  });

export const updatedAnswer = () =>
  Type.Object({ isNew: yes('False: it was the newest already.'), builds: list(build()) });
