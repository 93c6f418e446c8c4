// The folders that models are looked for in.
import { FolderOpen, RotateCw, Trash2 } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { open, post } from '../../api/client.ts';
import { queryClient } from '../../api/queries.ts';
import { relative } from '../../format.ts';
import { Badge } from '../../parts/badge.tsx';
import { Button, IconButton } from '../../parts/button.tsx';
import { Card } from '../../parts/card.tsx';
import { TextField } from '../../parts/field.tsx';
import { EmptyState, errorText, Loaded } from '../../parts/states.tsx';
import { toast, toastError } from '../../parts/toast.tsx';
import { texts } from '../../texts/index.ts';
import { type FolderList, keys, useFolders } from './queries.ts';

const words = texts.settings.folders;

export function Folders() {
  const query = useFolders();
  const [path, setPath] = useState('');
  const [failure, setFailure] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const add = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (path.trim() === '') return setFailure(words.empty);
    setBusy(true);
    setFailure(null);
    try {
      queryClient.setQueryData(keys.folders, await post<FolderList>('/drover/folders', { path: path.trim() }));
      setPath('');
    } catch (thrown) {
      setFailure(errorText(thrown));
    } finally {
      setBusy(false);
    }
  };
  const leave = async (gone: string): Promise<void> => {
    await open('DELETE', '/drover/folders', { path: gone });
    toast({ tone: 'ok', title: words.removed });
    await queryClient.invalidateQueries({ queryKey: keys.folders });
  };
  return (
    <Card
      title={words.title}
      text={words.text}
      actions={
        <Button
          isSmall
          icon={<RotateCw size={14} aria-hidden />}
          onClick={() => void post('/drover/rescan').catch(toastError)}
        >
          {words.rescan}
        </Button>
      }
    >
      <form className="settings-inline" onSubmit={(event) => void add(event)}>
        <TextField
          label={words.path}
          help={words.help}
          error={failure}
          placeholder={words.example}
          value={path}
          onChange={setPath}
          spellCheck={false}
        />
        <Button type="submit" tone="primary" isBusy={isBusy}>
          {words.add}
        </Button>
      </form>
      <Loaded query={query}>
        {({ folders, downloadFolder }) => (
          <>
            {folders.length === 0 ? (
              <EmptyState icon={<FolderOpen />} title={words.none.title} text={words.none.text} />
            ) : (
              <ul className="settings-list">
                {folders.map((folder) => (
                  <li key={folder.path}>
                    <div>
                      <code>{folder.path}</code>
                      <p className="row dim small">
                        <span>{words.count(folder.modelCount)}</span>
                        {folder.scannedAt !== null && (
                          <span>{words.scanned(relative(folder.scannedAt, Date.now()))}</span>
                        )}
                        {folder.isFromSettings && <Badge>{words.fromSettings}</Badge>}
                        {!folder.isEnabled && <Badge tone="warn">{words.disabled}</Badge>}
                      </p>
                    </div>
                    {!folder.isFromSettings && (
                      <IconButton
                        isSmall
                        label={words.remove(folder.path)}
                        onClick={() => void leave(folder.path).catch(toastError)}
                      >
                        <Trash2 size={15} aria-hidden />
                      </IconButton>
                    )}
                  </li>
                ))}
              </ul>
            )}
            {downloadFolder !== null && (
              <p className="dim small">
                {words.downloads} <code>{downloadFolder}</code>
              </p>
            )}
          </>
        )}
      </Loaded>
    </Card>
  );
}
