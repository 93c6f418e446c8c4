// The question before a model is deleted: what exactly would go.
import { useState } from 'react';
import { useLocation } from 'wouter';
import type { Model } from '../../api/answers.ts';
import { remove } from '../../api/client.ts';
import { keys, queryClient } from '../../api/queries.ts';
import { stopModel } from '../../app/model-actions.ts';
import { size } from '../../format.ts';
import { ConfirmDialog } from '../../parts/dialog.tsx';
import { Switch } from '../../parts/field.tsx';
import { toast } from '../../parts/toast.tsx';
import { texts } from '../../texts/index.ts';
import { stateOf } from './library.ts';
import { useDetails } from './queries.ts';

const { remove: words } = texts.models;

export function DeleteModel({ model, onClose }: { readonly model: Model; readonly onClose: () => void }) {
  const { data } = useDetails(model.id);
  const [hasFiles, setHasFiles] = useState(true);
  const [, go] = useLocation();
  const isOn = ['ready', 'starting'].includes(stateOf(model));
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title={words.title(model.title)}
      text={hasFiles ? words.text : words.entryOnly}
      action={words.action}
      onConfirm={async () => {
        // A file in use is not deleted.
        if (hasFiles && isOn) await stopModel(model.id);
        await remove(`/drover/models/${encodeURIComponent(model.id)}`, { query: { file: hasFiles } });
        toast({ tone: 'ok', title: words.done(model.title) });
        go('/models');
        await queryClient.invalidateQueries({ queryKey: keys.models });
      }}
    >
      {hasFiles && (
        <ul className="models-files">
          {data?.files
            .filter(({ path }) => path !== data.projectorPath)
            .map(({ path, sizeBytes }) => (
              <li key={path}>
                <code>{path}</code>
                <span className="dim figures">{size(sizeBytes)}</span>
              </li>
            ))}
        </ul>
      )}
      <Switch label={words.withFiles} isOn={hasFiles} onChange={setHasFiles} />
    </ConfirmDialog>
  );
}
