// The keys that there are, by name: made, looked at, removed.
import { useQueryClient } from '@tanstack/react-query';
import { KeyRound, Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { remove } from '../../api/client.ts';
import { relative } from '../../format.ts';
import { Badge } from '../../parts/badge.tsx';
import { Button, IconButton } from '../../parts/button.tsx';
import { Card } from '../../parts/card.tsx';
import { ConfirmDialog } from '../../parts/dialog.tsx';
import { EmptyState, Loaded } from '../../parts/states.tsx';
import { Table } from '../../parts/table.tsx';
import { texts } from '../../texts/index.ts';
import { KEYS, type Keys, ME, useKeys, useMe } from './keys.ts';
import { MakeKey } from './make-key.tsx';

const { keys: words } = texts.api;

export function KeyList() {
  const query = useKeys();
  const [isMaking, setMaking] = useState(false);
  return (
    <Card
      title={words.title}
      text={words.text}
      actions={
        // It stays while all is asked anew with the first key, so that the focus can come back to it.
        !query.isError && (
          <Button tone="primary" icon={<Plus size={15} aria-hidden />} onClick={() => setMaking(true)}>
            {words.add}
          </Button>
        )
      }
    >
      <Loaded query={query}>
        {({ keys, scopes }) => (
          <>
            {keys.length === 0 ? (
              <EmptyState icon={<KeyRound />} title={words.none.title} text={words.none.text} />
            ) : (
              <KeyTable keys={keys} />
            )}
            {isMaking && <MakeKey allScopes={scopes} isFirst={keys.length === 0} onClose={() => setMaking(false)} />}
          </>
        )}
      </Loaded>
      <p className="field-help">{words.users}</p>
    </Card>
  );
}

function KeyTable({ keys }: Pick<Keys, 'keys'>) {
  const client = useQueryClient();
  const { data: me } = useMe();
  const [going, setGoing] = useState<string | null>(null);
  const isOwn = (name: string): boolean => me?.kind === 'key' && me.name === name;
  const { column } = words;
  return (
    <>
      <Table label={words.title} head={[column.name, column.scopes, column.created, column.actions]}>
        {keys.map(({ name, scopes, createdAt, isChosen }) => (
          <tr key={name}>
            <th scope="row">
              <span className="row">
                {name}
                {isOwn(name) && <Badge tone="accent">{words.own}</Badge>}
                {isChosen && <Badge>{words.chosen}</Badge>}
              </span>
            </th>
            <td className="dim">{scopes.join(', ')}</td>
            <td className="dim">{relative(createdAt, Date.now())}</td>
            <td>
              <IconButton isSmall label={words.remove(name)} onClick={() => setGoing(name)}>
                <Trash2 size={15} aria-hidden />
              </IconButton>
            </td>
          </tr>
        ))}
      </Table>
      <ConfirmDialog
        isOpen={going !== null}
        onClose={() => setGoing(null)}
        title={words.removeTitle(going ?? '')}
        text={keys.length === 1 ? words.removeLast : isOwn(going ?? '') ? words.removeOwn : words.removeText}
        action={words.removeAction}
        onConfirm={async () => {
          await remove(`/drover/keys/${encodeURIComponent(going ?? '')}`);
          await client.invalidateQueries({ queryKey: KEYS });
          await client.invalidateQueries({ queryKey: ME });
        }}
      />
    </>
  );
}
