// The question for a key, where the server wants one: it is tried before it is kept, and asked for again when it is
// refused later.
import { KeyRound } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { get, isApiError } from '../api/client.ts';
import { keepKey } from '../api/key.ts';
import { Button } from '../parts/button.tsx';
import { Switch, TextField } from '../parts/field.tsx';
import { useTabTitle } from '../parts/page-header.tsx';
import { errorText } from '../parts/states.tsx';
import { texts } from '../texts/index.ts';

interface LoginProps {
  /** A key was used before, and is not accepted any more. */
  readonly wasRefused: boolean;
  readonly onDone: () => void;
}

export function Login({ wasRefused, onDone }: LoginProps) {
  const { login } = texts.app;
  const [key, setKey] = useState('');
  const [isRemembered, setRemembered] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(wasRefused ? login.expired : null);
  useTabTitle(login.title);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const tried = key.trim();
    if (tried === '') return setFailure(login.empty);
    setBusy(true);
    setFailure(null);
    try {
      await get('/drover/me', { key: tried });
      keepKey(tried, isRemembered);
      onDone();
    } catch (thrown) {
      setFailure(isApiError(thrown) && thrown.status === 401 ? login.wrong : errorText(thrown));
    } finally {
      setBusy(false);
    }
  };
  return (
    <main className="login">
      <form className="card login-card" onSubmit={(event) => void submit(event)}>
        <img src="/docs/favicon.svg" width="40" height="40" alt="" />
        <h1>{login.title}</h1>
        <TextField
          label={login.label}
          help={login.help}
          error={failure}
          value={key}
          onChange={setKey}
          type="password"
          autoComplete="current-password"
          spellCheck={false}
          autoFocus
          icon={<KeyRound size={16} aria-hidden />}
        />
        <Switch label={login.remember} help={login.kept} isOn={isRemembered} onChange={setRemembered} />
        <Button type="submit" tone="primary" isBusy={isBusy}>
          {login.action}
        </Button>
      </form>
    </main>
  );
}
