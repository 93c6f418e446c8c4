// The table of settings as data for whoever shows it: what kind of value each takes, and within which bounds.
import type { TSchema } from '@sinclair/typebox';
import { SETTINGS, type SettingName } from '../config/schema.ts';
import type { SettingInfo, SettingKind } from '../core/settings-desk.ts';

interface Plain {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Plain[];
  readonly items?: Plain;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** Those whose value is a table of its own have pages of their own. */
const LEFT_OUT: ReadonlySet<SettingName> = new Set(['models', 'groups', 'macros', 'llamahomeDefaults']);

function kindOf(schema: Plain): { readonly kind: SettingKind; readonly choices: readonly string[] } {
  const words = (schema.enum ?? schema.anyOf?.map((one) => one.const)) as readonly unknown[] | undefined;
  if (words?.every((word) => typeof word === 'string') === true) return { kind: 'choice', choices: words as string[] };
  if (schema.type === 'boolean') return { kind: 'boolean', choices: [] };
  if (schema.type === 'number' || schema.type === 'integer') return { kind: 'number', choices: [] };
  if (schema.type === 'string') return { kind: 'text', choices: [] };
  if (schema.type === 'array' && schema.items?.type === 'string') return { kind: 'texts', choices: [] };
  return { kind: 'other', choices: [] };
}

export const settingCatalog = (): readonly SettingInfo[] =>
  (Object.keys(SETTINGS) as SettingName[])
    .filter((name) => !LEFT_OUT.has(name))
    .map((name) => {
      const setting = SETTINGS[name];
      const schema = setting.schema as TSchema as Plain;
      const parts = schema.anyOf ?? [];
      const isNullable = parts.some(({ type }) => type === 'null');
      const inner = isNullable ? (parts.find(({ type }) => type !== 'null') ?? schema) : schema;
      return {
        name,
        ...kindOf(inner),
        minimum: inner.minimum ?? null,
        maximum: inner.maximum ?? null,
        isNullable,
        help: setting.help,
        environmentName: setting.env,
        defaultValue: setting.default,
      };
    });
