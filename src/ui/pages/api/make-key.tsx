// Making a key: its name and what it may do, then the key itself, shown once. The first one is taken by this page at once,
// since from then on it needs one.
import { useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useRef, useState } from 'react';
import { post } from '../../api/client.ts';
import { keepKey, keptKey } from '../../api/key.ts';
import { Button } from '../../parts/button.tsx';
import { CodeBlock } from '../../parts/code-block.tsx';
import { Dialog } from '../../parts/dialog.tsx';
import { TextField } from '../../parts/field.tsx';
import { Notice } from '../../parts/notice.tsx';
import { errorText } from '../../parts/states.tsx';
import { texts } from '../../texts/index.ts';
import { KEYS, type MadeKey } from './keys.ts';
import { PRESETS, type Preset, type Scope } from './scopes.ts';

const { keys: words } = texts.api;
const KINDS: readonly Preset[] = ['chat', 'watch', 'admin', 'own'];

interface MakeKeyProps {
  readonly allScopes: readonly Scope[];
  readonly isFirst: boolean;
  readonly onClose: () => void;
}

export function MakeKey({ allScopes, isFirst, onClose }: MakeKeyProps) {
  const client = useQueryClient();
  const field = useRef<HTMLInputElement>(null);
  const [name, setName] = useState('');
  const [preset, setPreset] = useState<Preset>(isFirst ? 'admin' : 'chat');
  const [own, setOwn] = useState<readonly Scope[]>([]);
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const [made, setMade] = useState<MadeKey | null>(null);
  const scopes = preset === 'own' ? own : PRESETS[preset];
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (name.trim() === '') return setFailure(words.nameEmpty);
    if (scopes.length === 0) return setFailure(words.needsScope);
    if (isFirst && !scopes.includes('admin')) return setFailure(words.needsAdmin);
    setBusy(true);
    setFailure(null);
    try {
      const key = await post<MadeKey>('/drover/keys', { name: name.trim(), scopes });
      setMade(key);
      // This page needs one from now on.
      if (isFirst && keptKey() === null) keepKey(key.key, true);
      await client.invalidateQueries({ queryKey: KEYS });
    } catch (thrown) {
      setFailure(errorText(thrown));
    } finally {
      setBusy(false);
    }
  };
  if (made !== null) {
    return (
      <Dialog
        isOpen
        onClose={onClose}
        title={words.made}
        text={words.madeText}
        actions={
          <Button tone="primary" onClick={onClose}>
            {words.done}
          </Button>
        }
      >
        <CodeBlock text={made.key} title={made.name} label={made.name} isWrapped />
      </Dialog>
    );
  }
  return (
    <Dialog isOpen onClose={onClose} first={field} title={words.add}>
      <form className="column" onSubmit={(event) => void submit(event)}>
        {isFirst && <Notice tone="warn" title={words.none.text} />}
        <TextField
          label={words.name}
          help={words.nameHelp}
          value={name}
          onChange={setName}
          maxLength={64}
          ref={field}
        />
        <fieldset className="api-kinds">
          <legend className="field-label">{words.scopes}</legend>
          {KINDS.map((kind) => (
            <label key={kind} className="api-kind">
              <input type="radio" name="kind" checked={preset === kind} onChange={() => setPreset(kind)} />
              <span>
                <span>{words.presets[kind]}</span>
                <span className="field-help">{words.presetText[kind]}</span>
              </span>
            </label>
          ))}
        </fieldset>
        {preset === 'own' && (
          <div className="api-scopes">
            {allScopes.map((scope) => (
              <label key={scope}>
                <input
                  type="checkbox"
                  checked={own.includes(scope)}
                  onChange={(event) =>
                    setOwn(event.currentTarget.checked ? [...own, scope] : own.filter((one) => one !== scope))
                  }
                />
                <code>{scope}</code>
              </label>
            ))}
          </div>
        )}
        {failure !== null && (
          <p className="field-error" role="alert">
            {failure}
          </p>
        )}
        <div className="row">
          <Button type="submit" tone="primary" isBusy={isBusy}>
            {words.make}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
