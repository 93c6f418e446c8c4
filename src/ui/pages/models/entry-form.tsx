// The entry of a model in the configuration, as a form: what is empty is automatic.
import { useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { isApiError, patch } from '../../api/client.ts';
import { Button } from '../../parts/button.tsx';
import { NumberField, Switch, TextArea, TextField } from '../../parts/field.tsx';
import { Notice } from '../../parts/notice.tsx';
import { errorText } from '../../parts/states.tsx';
import { toast } from '../../parts/toast.tsx';
import { texts } from '../../texts/index.ts';
import { type Entry, type EntryWrite, entryKey } from './queries.ts';

const { entry: words, plan } = texts.models;

type Settings = Entry['settings'];

const FIELDS = ['name', 'description', 'aliases', 'unlisted', 'ttl', 'pin', 'threads', 'batchSize'] as const;
type Fields = Pick<Settings, (typeof FIELDS)[number]>;

const fieldsOf = (settings: Settings): Fields => ({
  name: settings.name,
  description: settings.description,
  aliases: settings.aliases,
  unlisted: settings.unlisted,
  ttl: settings.ttl,
  pin: settings.pin,
  threads: settings.threads,
  batchSize: settings.batchSize,
});

const textOrNull = (text: string): string | null => (text.trim() === '' ? null : text);

export function EntryForm({ entry }: { readonly entry: Entry }) {
  const client = useQueryClient();
  const [changes, setChanges] = useState<Partial<Fields>>({});
  const [aliasText, setAliasText] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<{ readonly field: string | null; readonly text: string } | null>(null);
  if (entry.lockedBy !== null) return <Notice title={words.locked} text={entry.lockedBy} />;
  const values: Fields = { ...fieldsOf(entry.settings), ...changes };
  const set = (change: Partial<Fields>): void => setChanges({ ...changes, ...change });
  const isChanged = Object.keys(changes).length > 0;
  const errorOf = (field: keyof Fields): string | null => (failure?.field === field ? failure.text : null);
  const reset = (): void => {
    setChanges({});
    setAliasText(null);
    setFailure(null);
  };
  const save = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      const written = await patch<EntryWrite>('/drover/entry', { model: entry.id, settings: changes });
      client.setQueryData(entryKey(entry.id), written.entry);
      reset();
      toast({ tone: 'ok', title: written.affected.length > 0 ? plan.keptRunning : words.saved });
    } catch (thrown) {
      const field = isApiError(thrown) ? String(thrown.details.field ?? '').replace(/^settings\./, '') : '';
      const known = FIELDS.find((name) => field === name || field.startsWith(`${name}.`)) ?? null;
      setFailure({ field: known, text: errorText(thrown) });
    } finally {
      setBusy(false);
    }
  };
  const aliases = aliasText ?? values.aliases?.join(', ') ?? '';
  const setAliases = (text: string): void => {
    setAliasText(text);
    const list = text.split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]));
    set({ aliases: list.length === 0 ? null : list });
  };
  return (
    <form className="column" noValidate onSubmit={(event) => void save(event)}>
      <p className="dim">{words.text}</p>
      <div className="models-form">
        <TextField
          label={words.name}
          value={values.name ?? ''}
          error={errorOf('name')}
          onChange={(text) => set({ name: textOrNull(text) })}
        />
        <TextField
          label={words.aliases}
          help={words.aliasesHelp}
          value={aliases}
          error={errorOf('aliases')}
          onChange={setAliases}
        />
        <NumberField
          label={words.ttl}
          help={words.ttlHelp}
          value={values.ttl}
          error={errorOf('ttl')}
          min={0}
          placeholder={plan.automatic}
          onChange={(ttl) => set({ ttl })}
        />
        <NumberField
          label={words.threads}
          value={values.threads}
          error={errorOf('threads')}
          min={1}
          max={4096}
          placeholder={plan.automatic}
          onChange={(threads) => set({ threads })}
        />
        <NumberField
          label={words.batch}
          value={values.batchSize}
          error={errorOf('batchSize')}
          min={1}
          placeholder={plan.automatic}
          onChange={(batchSize) => set({ batchSize })}
        />
      </div>
      <TextArea
        label={words.description}
        value={values.description ?? ''}
        error={errorOf('description')}
        onChange={(text) => set({ description: textOrNull(text) })}
      />
      <Switch label={words.pin} isOn={values.pin === true} onChange={(pin) => set({ pin: pin || null })} />
      <Switch
        label={words.unlisted}
        isOn={values.unlisted === true}
        onChange={(unlisted) => set({ unlisted: unlisted || null })}
      />
      {failure !== null && failure.field === null && (
        <p className="field-error" role="alert">
          {failure.text}
        </p>
      )}
      <div className="row">
        <Button type="submit" tone="primary" isBusy={isBusy} disabled={!isChanged}>
          {words.save}
        </Button>
        <Button disabled={!isChanged} onClick={reset}>
          {words.reset}
        </Button>
      </div>
    </form>
  );
}
