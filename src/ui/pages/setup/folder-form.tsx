// Names a folder of the server's machine, looks into it, and keeps it among those that models are taken from.
import { FolderSearch } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { post } from '../../api/client.ts';
import { keys, queryClient } from '../../api/queries.ts';
import { Button } from '../../parts/button.tsx';
import { TextField } from '../../parts/field.tsx';
import { errorText } from '../../parts/states.tsx';
import { texts } from '../../texts/index.ts';

interface Scan {
  readonly totalModels: number;
  readonly scanSummary: readonly { readonly folder: string; readonly error?: string }[];
}

export function FolderForm() {
  const { models: words } = texts.setup;
  const [path, setPath] = useState('');
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const [news, setNews] = useState<string | null>(null);
  const look = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (isBusy) return;
    setNews(null);
    setFailure(null);
    if (path.trim() === '') return setFailure(words.folderEmpty);
    setBusy(true);
    try {
      const body = { folderPath: path.trim(), recursive: true, addToDatabase: true };
      const { totalModels, scanSummary } = await post<Scan>('/api/config/scan-folder', body);
      const refusal = scanSummary.find(({ error }) => error !== undefined)?.error;
      if (refusal !== undefined) setFailure(refusal);
      else if (totalModels === 0) setFailure(words.folderNone);
      else setNews(words.folderFound(totalModels));
      await Promise.all(
        [keys.models, keys.setup, keys.status].map((queryKey) => queryClient.invalidateQueries({ queryKey })),
      );
    } catch (thrown) {
      setFailure(errorText(thrown));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form className="setup-folder" onSubmit={(event) => void look(event)}>
      <TextField
        label={words.folder}
        help={words.folderHelp}
        error={failure}
        value={path}
        onChange={setPath}
        placeholder={words.folderExample}
        spellCheck={false}
        autoComplete="off"
        autoCapitalize="off"
      />
      <Button type="submit" isBusy={isBusy} icon={<FolderSearch size={16} aria-hidden />}>
        {words.look}
      </Button>
      <p className="small setup-news" role="status">
        {news}
      </p>
    </form>
  );
}
