// Models, groups, macros and preload of a ClaraCore file in our terms: a structured entry where it says the same, the
// command as it is where it cannot. Pure.
import { isDeepStrictEqual } from 'node:util';
import { Value } from '@sinclair/typebox/value';
import type { ImportContext, PlannedModel, PlannedPart } from './claracore.ts';
import { entryNode, withLines } from './claracore-comments.ts';
import { entryFor, type ForeignEntry } from './claracore-entries.ts';
import type { ClaraFolder } from './claracore-files.ts';
import { absoluteCommand, looksLikeWindows } from './claracore-paths.ts';
import type { Edit } from './edits.ts';
import type { MacroTable } from './expand.ts';
import { GroupEntrySchema, type ModelEntry } from './schema.ts';

export interface PlannedModels {
  readonly models: readonly PlannedModel[];
  readonly groups: readonly PlannedPart[];
  readonly macros: readonly PlannedPart[];
  readonly preload: PlannedPart | null;
  readonly edits: readonly Edit[];
}

type Table = Readonly<Record<string, unknown>>;

const tableOf = (value: unknown): Table =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Table) : {};

export function planModels(clara: ClaraFolder, context: ImportContext): PlannedModels {
  const config = clara.config;
  if (config === null) return { models: [], groups: [], macros: [], preload: null, edits: [] };
  const values = withLines(config);
  const macros = new MacroPlan(macrosOf(values.macros), clara, context);
  const edits: Edit[] = [];
  const models = Object.entries(tableOf(values.models)).map(([id, raw]): PlannedModel => {
    const foreign = { id, entry: tableOf(raw), macros: macros.given };
    const found = entryFor(foreign as ForeignEntry, clara, context);
    if (found.entry === null) return planned(id, 'left_out', found.reason, found);
    const own = context.own.models;
    const before = own !== undefined && Object.hasOwn(own, id) ? own[id] : undefined;
    if (before !== undefined) {
      return isSameModel(before, found.entry, found.file)
        ? planned(id, 'same', null, found)
        : planned(id, 'left_out', 'another model has this id here', found);
    }
    const isCommand = found.entry.cmd !== undefined;
    const entry = isCommand ? macros.settle(found.entry) : found.entry;
    edits.push({ path: ['models', id], value: entryNode(config, id, entry) });
    return planned(id, isCommand ? 'command' : 'structured', found.reason, { ...found, entry });
  });
  const known = new Set(models.flatMap(({ id, outcome }) => (outcome === 'left_out' ? [] : [id])));
  const groups = planGroups(tableOf(values.groups), known, context);
  const preload = planPreload(values, known, context);
  return {
    models,
    groups: groups.map(({ part }) => part),
    macros: macros.parts(),
    preload: preload?.part ?? null,
    edits: [...macros.edits(), ...edits, ...groups.flatMap(({ edit }) => edit ?? []), ...(preload?.edit ?? [])],
  };
}

const planned = (
  id: string,
  outcome: PlannedModel['outcome'],
  reason: string | null,
  found: Pick<PlannedModel, 'notes' | 'file' | 'entry'>,
): PlannedModel => ({ id, outcome, reason, notes: found.notes, file: found.file, entry: found.entry });

/** By what it runs, not by how: settings that were changed here since stay changed. */
function isSameModel(own: ModelEntry, entry: ModelEntry, file: string | null): boolean {
  if (own.file !== undefined) return own.file === file;
  return own.cmd !== undefined && (own.cmd === entry.cmd || (file !== null && own.cmd.includes(file)));
}

/** llama-swap writes macros as a list too. */
function macrosOf(value: unknown): MacroTable {
  const tables = Array.isArray(value) ? value.map(tableOf) : [tableOf(value)];
  const isScalar = (item: unknown): item is string | number | boolean => /^(string|number|boolean)$/.test(typeof item);
  return Object.fromEntries(
    tables.flatMap((table) => Object.entries(table)).flatMap(([k, v]) => (isScalar(v) ? [[k, v]] : [])),
  );
}

/** Which macros come along: those that commands use, under their names where these are free. */
class MacroPlan {
  readonly #outcomes = new Map<string, PlannedPart>();
  readonly #added = new Map<string, string | number | boolean>();

  constructor(
    readonly given: MacroTable,
    private readonly clara: ClaraFolder,
    private readonly context: ImportContext,
  ) {}

  /** The entry with the macros that it needs and that cannot stand among ours as its own. */
  settle(entry: ModelEntry): ModelEntry {
    const own: Record<string, string | number | boolean> = { ...entry.macros };
    const texts = [
      entry.cmd,
      entry.cmdStop,
      entry.proxy,
      entry.checkEndpoint,
      ...(entry.env ?? []),
      ...Object.values(own),
    ];
    for (const name of usedNames(texts.map(String), this.given)) {
      if (Object.hasOwn(own, name)) continue;
      const value = this.#absolute(this.given[name] ?? '');
      if (!this.#place(name, value)) own[name] = value;
    }
    return Object.keys(own).length === 0 ? entry : { ...entry, macros: own };
  }

  parts(): PlannedPart[] {
    return Object.keys(this.given).map(
      (name) => this.#outcomes.get(name) ?? { name, outcome: 'left_out', reason: 'no command needs it any more' },
    );
  }

  edits(): Edit[] {
    return [...this.#added].map(([name, value]) => ({ path: ['macros', name], value }));
  }

  /** True where the macro stands, or will stand, among ours. */
  #place(name: string, value: string | number | boolean): boolean {
    const ours = this.context.own.macros ?? {};
    if (!Object.hasOwn(ours, name)) {
      const reason = this.context.isMacroList ? 'in the commands that need it: macros are a list here' : null;
      this.#outcomes.set(name, { name, outcome: 'add', reason });
      if (!this.context.isMacroList) this.#added.set(name, value);
      return !this.context.isMacroList;
    }
    const isSame = ours[name] === value;
    const reason = 'it says something else here; the commands that need theirs bring it themselves';
    this.#outcomes.set(name, { name, outcome: isSame ? 'same' : 'kept', reason: isSame ? null : reason });
    return isSame;
  }

  #absolute(value: string | number | boolean): string | number | boolean {
    if (typeof value !== 'string') return value;
    const isWindows = this.context.isWindows || looksLikeWindows(value);
    try {
      return absoluteCommand(value, this.clara.path, isWindows, this.context.isFile);
    } catch {
      // A quote that another macro closes.
      return value;
    }
  }
}

/** Macros that the texts name, and those that these name. */
function usedNames(texts: readonly string[], macros: MacroTable): Set<string> {
  const used = new Set<string>();
  const queue = [...texts];
  for (let text = queue.pop(); text !== undefined; text = queue.pop()) {
    for (const [, name = ''] of text.matchAll(/\$\{([\w.-]+)\}/g)) {
      if (used.has(name) || !Object.hasOwn(macros, name)) continue;
      used.add(name);
      queue.push(String(macros[name]));
    }
  }
  return used;
}

interface PlannedWithEdit {
  readonly part: PlannedPart;
  readonly edit: readonly Edit[] | null;
}

function planGroups(given: Table, known: ReadonlySet<string>, context: ImportContext): PlannedWithEdit[] {
  const own = context.own.groups ?? {};
  const taken = new Set(Object.values(own).flatMap(({ members }) => members));
  return Object.entries(given).map(([name, raw]): PlannedWithEdit => {
    const group = tableOf(raw);
    const members = (Array.isArray(group.members) ? group.members : []).map(String).filter((id) => known.has(id));
    const before = Object.hasOwn(own, name) ? own[name] : undefined;
    const fresh = members.filter((id) => !taken.has(id));
    for (const id of fresh) taken.add(id);
    const part = (outcome: PlannedPart['outcome'], reason: string | null): PlannedPart => ({ name, outcome, reason });
    if (before !== undefined) {
      if (fresh.length === 0) return { part: part('same', null), edit: null };
      const all = [...before.members, ...fresh];
      return {
        part: part('add', `to the group of that name: ${fresh.join(', ')}`),
        edit: [{ path: ['groups', name, 'members'], value: all }],
      };
    }
    if (fresh.length === 0) {
      const reason = members.length === 0 ? 'none of its models comes along' : 'its models are in other groups here';
      return { part: part('left_out', reason), edit: null };
    }
    const { swap, exclusive, persistent, startPort } = group;
    const fields = Object.entries({ swap, exclusive, persistent, startPort }).filter(
      ([, value]) => value !== undefined,
    );
    const value = { ...Object.fromEntries(fields), members: fresh };
    if (!Value.Check(GroupEntrySchema, value)) return { part: part('left_out', 'it cannot be read'), edit: null };
    return { part: part('add', null), edit: [{ path: ['groups', name], value }] };
  });
}

function planPreload(
  values: Table,
  known: ReadonlySet<string>,
  context: ImportContext,
): { part: PlannedPart; edit: readonly Edit[] } | null {
  const given = tableOf(tableOf(values.hooks).on_startup).preload;
  if (!Array.isArray(given) || given.length === 0) return null;
  const wanted = given.map((id) => String(id).trim()).filter((id) => known.has(id));
  const name = 'preload';
  const own = context.own.preload;
  if (wanted.length === 0)
    return { part: { name, outcome: 'left_out', reason: 'none of its models comes along' }, edit: [] };
  if (own === undefined) {
    return { part: { name, outcome: 'add', reason: wanted.join(', ') }, edit: [{ path: [name], value: wanted }] };
  }
  return isDeepStrictEqual(own, wanted)
    ? { part: { name, outcome: 'same', reason: null }, edit: [] }
    : { part: { name, outcome: 'kept', reason: `it is ${JSON.stringify(own)} here` }, edit: [] };
}
