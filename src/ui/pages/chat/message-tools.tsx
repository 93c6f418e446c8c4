// What can be done with a message: its other versions, copying, editing, answering again, deleting.
import { ChevronLeft, ChevronRight, Pencil, RotateCw, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { IconButton } from '../../parts/button.tsx';
import { CopyButton } from '../../parts/copy-button.tsx';
import { ConfirmDialog } from '../../parts/dialog.tsx';
import { toastError } from '../../parts/toast.tsx';
import { texts } from '../../texts/index.ts';
import type { ChatMessage } from './chat.ts';
import { knownChat, removeMessage } from './store.ts';
import { switchTo } from './talk.ts';
import { subtreeOf } from './tree.ts';

export interface Versions {
  readonly ids: readonly string[];
  readonly at: number;
}

interface ToolsProps {
  readonly chatId: string;
  readonly message: ChatMessage;
  readonly versions: Versions;
  readonly isBusy: boolean;
  readonly onEdit?: () => void;
  readonly onAgain?: () => void;
}

export function MessageTools({ chatId, message, versions, isBusy, onEdit, onAgain }: ToolsProps) {
  const [isRemoving, setRemoving] = useState(false);
  const words = texts.chat.message;
  return (
    <div className="chat-tools">
      {versions.ids.length > 1 && <VersionSwitch chatId={chatId} versions={versions} />}
      {message.content !== '' && <CopyButton text={message.content} label={words.copy} />}
      {onEdit !== undefined && (
        <IconButton isSmall label={words.edit} onClick={onEdit} disabled={isBusy}>
          <Pencil size={15} aria-hidden />
        </IconButton>
      )}
      {onAgain !== undefined && (
        <IconButton isSmall label={words.regenerate} onClick={onAgain} disabled={isBusy}>
          <RotateCw size={15} aria-hidden />
        </IconButton>
      )}
      <IconButton isSmall label={words.delete} onClick={() => setRemoving(true)} disabled={isBusy}>
        <Trash2 size={15} aria-hidden />
      </IconButton>
      <ConfirmDialog
        isOpen={isRemoving}
        onClose={() => setRemoving(false)}
        title={words.deleteTitle}
        text={words.deleteText(isRemoving ? below(chatId, message.id) : 0)}
        action={words.delete}
        onConfirm={() => removeMessage(chatId, message.id)}
      />
    </div>
  );
}

const below = (chatId: string, id: string): number => subtreeOf(knownChat(chatId)?.messages ?? [], id).size - 1;

function VersionSwitch({ chatId, versions: { ids, at } }: { readonly chatId: string; readonly versions: Versions }) {
  const { branch, branchLabel, previous, next } = texts.chat.message;
  const go = (id: string | undefined): void => {
    if (id !== undefined) void switchTo(chatId, id).catch(toastError);
  };
  return (
    <fieldset className="chat-versions" aria-label={branchLabel(at + 1, ids.length)}>
      <IconButton isSmall label={previous} disabled={at === 0} onClick={() => go(ids[at - 1])}>
        <ChevronLeft size={15} aria-hidden />
      </IconButton>
      <span className="figures">{branch(at + 1, ids.length)}</span>
      <IconButton isSmall label={next} disabled={at === ids.length - 1} onClick={() => go(ids[at + 1])}>
        <ChevronRight size={15} aria-hidden />
      </IconButton>
    </fieldset>
  );
}
