// What can be done with a message: its other versions, copying, editing, answering again, deleting. There are hundreds of
// them in a long chat, hence plain buttons; what would change a chat that is being answered in is hidden by its style.
import { ChevronLeft, ChevronRight, Pencil, RotateCw, Trash2 } from 'lucide-react';
import { type ReactNode, useState } from 'react';
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

export const areSame = (left: Versions, right: Versions): boolean =>
  left.at === right.at && left.ids.join() === right.ids.join();

interface ToolsProps {
  readonly chatId: string;
  readonly message: ChatMessage;
  readonly versions: Versions;
  readonly onEdit?: () => void;
  readonly onAgain?: () => void;
}

export function MessageTools({ chatId, message, versions, onEdit, onAgain }: ToolsProps) {
  const [isRemoving, setRemoving] = useState(false);
  const words = texts.chat.message;
  return (
    <div className="chat-tools">
      {versions.ids.length > 1 && <VersionSwitch chatId={chatId} versions={versions} />}
      {message.content !== '' && <CopyButton text={message.content} label={words.copy} />}
      {onEdit !== undefined && (
        <Tool label={words.edit} onClick={onEdit}>
          <Pencil size={15} aria-hidden />
        </Tool>
      )}
      {onAgain !== undefined && (
        <Tool label={words.regenerate} onClick={onAgain}>
          <RotateCw size={15} aria-hidden />
        </Tool>
      )}
      <Tool label={words.delete} onClick={() => setRemoving(true)}>
        <Trash2 size={15} aria-hidden />
      </Tool>
      {isRemoving && (
        <ConfirmDialog
          isOpen
          onClose={() => setRemoving(false)}
          title={words.deleteTitle}
          text={words.deleteText(below(chatId, message.id))}
          action={words.delete}
          onConfirm={() => removeMessage(chatId, message.id)}
        />
      )}
    </div>
  );
}

interface ToolProps {
  readonly label: string;
  readonly isOff?: boolean;
  readonly onClick: () => void;
  readonly children: ReactNode;
}

function Tool({ label, isOff = false, onClick, children }: ToolProps) {
  return (
    <button
      type="button"
      className="button button-ghost button-icon button-small chat-when-free"
      aria-label={label}
      title={label}
      disabled={isOff}
      onClick={onClick}
    >
      {children}
    </button>
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
      <Tool label={previous} isOff={at === 0} onClick={() => go(ids[at - 1])}>
        <ChevronLeft size={15} aria-hidden />
      </Tool>
      <span className="figures">{branch(at + 1, ids.length)}</span>
      <Tool label={next} isOff={at === ids.length - 1} onClick={() => go(ids[at + 1])}>
        <ChevronRight size={15} aria-hidden />
      </Tool>
    </fieldset>
  );
}
