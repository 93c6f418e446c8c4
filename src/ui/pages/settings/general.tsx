// Every setting, one by one: what counts, where it comes from, and a field where it may be changed.
import { RotateCcw } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { isApiError, patch } from '../../api/client.ts';
import { queryClient } from '../../api/queries.ts';
import { Badge } from '../../parts/badge.tsx';
import { Button, IconButton } from '../../parts/button.tsx';
import { Card } from '../../parts/card.tsx';
import { NumberField, SearchField, Select, Switch, TextArea, TextField } from '../../parts/field.tsx';
import { EmptyState, errorText, Loaded } from '../../parts/states.tsx';
import { toast } from '../../parts/toast.tsx';
import { texts } from '../../texts/index.ts';
import { keys, type Setting, type SettingsWrite, useSettings } from './queries.ts';

const words = texts.settings.general;
type Changes = Readonly<Record<string, unknown>>;

export function General() {
  return <Loaded query={useSettings()}>{(settings) => <Form settings={settings} />}</Loaded>;
}

function Form({ settings }: { readonly settings: readonly Setting[] }) {
  const [changes, setChanges] = useState<Changes>({});
  const [query, setQuery] = useState('');
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<{ readonly name: string | null; readonly text: string } | null>(null);
  const wanted = query.trim().toLowerCase();
  const shown = settings.filter(({ name, help }) => `${name} ${help}`.toLowerCase().includes(wanted));
  const count = Object.keys(changes).length;
  const save = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      const { waiting, overruled } = await patch<SettingsWrite>('/drover/settings', { changes });
      const later = waiting.filter((name) => name in changes);
      setChanges({});
      toast(
        overruled.length > 0
          ? { tone: 'warn', title: words.overruled(overruled.join(', ')) }
          : { tone: 'ok', title: later.length > 0 ? words.later(later.join(', ')) : words.saved },
      );
      await queryClient.invalidateQueries({ queryKey: keys.settings });
    } catch (thrown) {
      const named = isApiError(thrown) ? String(thrown.details.field ?? thrown.message) : '';
      const name = Object.keys(changes).find((one) => new RegExp(`\\b${one}\\b`).test(named)) ?? null;
      setFailure({ name, text: errorText(thrown) });
    } finally {
      setBusy(false);
    }
  };
  return (
    <Card>
      <SearchField label={words.search} value={query} onChange={setQuery} />
      <form className="column" noValidate onSubmit={(event) => void save(event)}>
        {shown.length === 0 && <EmptyState title={words.none} />}
        <ul className="settings-list settings-fields">
          {shown.map((setting) => (
            <li key={setting.name}>
              <Field
                setting={setting}
                value={setting.name in changes ? changes[setting.name] : setting.value}
                isChanged={setting.name in changes}
                error={failure?.name === setting.name ? failure.text : null}
                onChange={(value) => setChanges({ ...changes, [setting.name]: value })}
              />
            </li>
          ))}
        </ul>
        {failure !== null && failure.name === null && (
          <p className="field-error" role="alert">
            {failure.text}
          </p>
        )}
        {count > 0 && (
          <div className="settings-bar">
            <span role="status">{words.unsaved(count)}</span>
            <Button onClick={() => setChanges({})}>{words.undo}</Button>
            <Button type="submit" tone="primary" isBusy={isBusy}>
              {words.save}
            </Button>
          </div>
        )}
      </form>
    </Card>
  );
}

interface FieldProps {
  readonly setting: Setting;
  readonly value: unknown;
  readonly isChanged: boolean;
  readonly error: string | null;
  readonly onChange: (value: unknown) => void;
}

function Field(props: FieldProps) {
  const { setting, isChanged, onChange } = props;
  const { name, source, lockedBy, needsRestart } = setting;
  return (
    <div className="settings-field">
      <div className="settings-input">
        {lockedBy === null ? <Input {...props} /> : <Locked {...props} />}
        <p className="row small dim">
          <Badge tone={isChanged ? 'accent' : 'neutral'}>{words.sources[source]}</Badge>
          {needsRestart && <span>{words.restart}</span>}
          {lockedBy !== null && <span>{lockedBy}</span>}
        </p>
      </div>
      {lockedBy === null && source === 'file' && (
        <IconButton isSmall label={words.resetOf(name)} onClick={() => onChange(null)}>
          <RotateCcw size={14} aria-hidden />
        </IconButton>
      )}
    </div>
  );
}

const said = (value: unknown): string =>
  value === null || value === undefined
    ? words.automatic
    : Array.isArray(value)
      ? value.join(', ') || texts.parts.none
      : typeof value === 'object'
        ? JSON.stringify(value)
        : String(value);

function Locked({ setting, value }: FieldProps) {
  return (
    <div className="field">
      <span className="field-label">{setting.name}</span>
      <code>{said(value)}</code>
      <span className="field-help">{setting.help}</span>
    </div>
  );
}

function Input({ setting, value, error, onChange }: FieldProps) {
  const { name, kind, help, choices, minimum, maximum, defaultValue } = setting;
  const shown = value === null && setting.value !== null && !setting.isNullable ? defaultValue : value;
  switch (kind) {
    case 'boolean':
      return <Switch label={name} help={help} isOn={shown === true} onChange={onChange} />;
    case 'number':
      return (
        <NumberField
          label={name}
          help={help}
          error={error}
          value={typeof shown === 'number' ? shown : null}
          placeholder={words.automatic}
          {...(minimum === null ? {} : { min: minimum })}
          {...(maximum === null ? {} : { max: maximum })}
          onChange={onChange}
        />
      );
    case 'choice':
      return (
        <Select
          label={name}
          help={help}
          error={error}
          value={String(shown)}
          onChange={onChange}
          items={choices.map((choice) => ({ value: choice, label: choice }))}
        />
      );
    case 'texts':
      return (
        <TextArea
          label={name}
          help={`${help}. ${words.onePerLine}`}
          error={error}
          rows={2}
          value={Array.isArray(shown) ? shown.join('\n') : ''}
          onChange={(text) => onChange(text.split('\n').filter((line) => line.trim() !== ''))}
        />
      );
    default:
      return <TextField label={name} help={help} error={error} value={String(shown ?? '')} onChange={onChange} />;
  }
}
