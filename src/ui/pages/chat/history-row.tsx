// One chat of the history: its link, and what can be done with it.
import { Download, Ellipsis, FileText, Pencil, Pin, PinOff, Trash2 } from 'lucide-react';
import { useRef, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { Button, IconButton } from '../../parts/button.tsx';
import { ConfirmDialog, Dialog } from '../../parts/dialog.tsx';
import { TextField } from '../../parts/field.tsx';
import { Menu, type MenuAction } from '../../parts/menu.tsx';
import { toastError } from '../../parts/toast.tsx';
import { texts } from '../../texts/index.ts';
import { stop } from './answering.ts';
import type { Chat } from './chat.ts';
import { hitsIn } from './hits.ts';
import { saveFrom } from './saving.ts';
import { changeChat, type ListedChat, removeChat } from './store.ts';

interface RowProps {
  readonly chat: ListedChat;
  /** What was searched for. */
  readonly query: string;
  readonly isCurrent: boolean;
  readonly isAnswering: boolean;
  readonly onGo?: () => void;
}

export const titleOfChat = ({ title }: Pick<Chat, 'title'>): string => (title === '' ? texts.chat.untitled : title);

export function HistoryRow({ chat, query, isCurrent, isAnswering, onGo }: RowProps) {
  const words = texts.chat.history;
  const title = titleOfChat(chat);
  return (
    <li className={isCurrent ? 'chat-row chat-row-current' : 'chat-row'}>
      <Link
        href={`/chat/${chat.id}`}
        className="chat-row-link"
        aria-current={isCurrent ? 'page' : undefined}
        onClick={onGo}
      >
        <span className="truncate" dir="auto">
          {title}
        </span>
        {chat.excerpt !== null && (
          <span className="chat-excerpt dim small" dir="auto">
            {hitsIn(chat.excerpt, query).map(({ text, isHit, at }) => (isHit ? <mark key={at}>{text}</mark> : text))}
          </span>
        )}
      </Link>
      {isAnswering && <span className="chat-row-dot badge-dot-live" role="img" aria-label={words.isAnswering} />}
      <ChatMenu chat={chat} isSmall />
    </li>
  );
}

export function ChatMenu({ chat, isSmall = false }: { readonly chat: Chat; readonly isSmall?: boolean }) {
  const [asked, setAsked] = useState<'rename' | 'delete' | null>(null);
  const [location, go] = useLocation();
  const words = texts.chat.history;
  const title = titleOfChat(chat);
  const save = (format: string) => () =>
    void saveFrom(`/drover/chats/${chat.id}/export?format=${format}`).catch(toastError);
  const actions: (MenuAction | null)[] = [
    { label: words.rename, icon: <Pencil size={15} aria-hidden />, onSelect: () => setAsked('rename') },
    {
      label: chat.isPinned ? words.unpin : words.pin,
      icon: chat.isPinned ? <PinOff size={15} aria-hidden /> : <Pin size={15} aria-hidden />,
      onSelect: () => void changeChat(chat.id, { isPinned: !chat.isPinned }).catch(toastError),
    },
    null,
    { label: words.exportMarkdown, icon: <FileText size={15} aria-hidden />, onSelect: save('markdown') },
    { label: words.exportJson, icon: <Download size={15} aria-hidden />, onSelect: save('json') },
    null,
    {
      label: words.delete,
      icon: <Trash2 size={15} aria-hidden />,
      isDanger: true,
      onSelect: () => setAsked('delete'),
    },
  ];
  return (
    <>
      <Menu
        trigger={
          <IconButton isSmall={isSmall} label={words.actions(title)} className="chat-row-menu">
            <Ellipsis size={16} aria-hidden />
          </IconButton>
        }
        actions={actions}
      />
      {asked === 'rename' && <Rename chat={chat} onClose={() => setAsked(null)} />}
      <ConfirmDialog
        isOpen={asked === 'delete'}
        onClose={() => setAsked(null)}
        title={words.deleteTitle}
        text={words.deleteText(title, chat.messageCount)}
        action={words.delete}
        onConfirm={async () => {
          stop(chat.id);
          await removeChat(chat.id);
          if (location === `/chat/${chat.id}`) go('/chat');
        }}
      />
    </>
  );
}

function Rename({ chat, onClose }: { readonly chat: Chat; readonly onClose: () => void }) {
  const [title, setTitle] = useState(chat.title);
  const field = useRef<HTMLInputElement>(null);
  const words = texts.chat.history;
  const save = (): void => {
    onClose();
    const next = title.trim().slice(0, 200);
    if (next !== chat.title) void changeChat(chat.id, { title: next }).catch(toastError);
  };
  return (
    <Dialog
      isOpen
      onClose={onClose}
      first={field}
      title={words.renameTitle}
      actions={
        <>
          <Button onClick={onClose}>{texts.parts.cancel}</Button>
          <Button tone="primary" type="submit" form="chat-rename">
            {words.save}
          </Button>
        </>
      }
    >
      <form
        id="chat-rename"
        onSubmit={(event) => {
          event.preventDefault();
          save();
        }}
      >
        <TextField label={words.name} value={title} maxLength={200} onChange={setTitle} ref={field} />
      </form>
    </Dialog>
  );
}
