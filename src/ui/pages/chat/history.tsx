// All chats at the side, by day, found by words of their titles and messages.
import { Download, Ellipsis, Search, SquarePen, Upload } from 'lucide-react';
import { useDeferredValue, useEffect, useRef, useState } from 'react';
import { useLocation } from 'wouter';
import { Button, IconButton } from '../../parts/button.tsx';
import { TextField } from '../../parts/field.tsx';
import { Menu } from '../../parts/menu.tsx';
import { EmptyState, ErrorState, Skeleton } from '../../parts/states.tsx';
import { toast, toastError } from '../../parts/toast.tsx';
import { texts } from '../../texts/index.ts';
import { useAnsweredChats } from './answering.ts';
import { byDay } from './days.ts';
import { HistoryRow } from './history-row.tsx';
import { saveFrom } from './saving.ts';
import { importChats, useChats } from './store.ts';

interface HistoryProps {
  readonly chatId: string | null;
  readonly onGo?: () => void;
}

export function History({ chatId, onGo }: HistoryProps) {
  const [, go] = useLocation();
  const [query, setQuery] = useState('');
  const wanted = useDeferredValue(query.trim());
  const list = useChats(wanted);
  const answered = useAnsweredChats();
  const words = texts.chat.history;
  const chats = list.data?.pages.flatMap((page) => page.chats) ?? [];
  const hasMore = list.hasNextPage && !list.isFetchingNextPage;
  return (
    <div className="chat-history">
      <div className="chat-history-head">
        <Button
          className="chat-new"
          icon={<SquarePen size={16} aria-hidden />}
          onClick={() => {
            go('/chat');
            onGo?.();
          }}
        >
          {texts.chat.newChat}
        </Button>
        <AllMenu />
      </div>
      <TextField
        label={words.search}
        isLabelHidden
        type="search"
        placeholder={words.search}
        icon={<Search size={15} aria-hidden />}
        value={query}
        onChange={setQuery}
      />
      <nav className="chat-history-list" aria-label={words.title}>
        {list.isError && list.data === undefined && (
          <ErrorState error={list.error} onRetry={() => void list.refetch()} />
        )}
        {list.isPending && <Skeleton lines={6} />}
        {list.data !== undefined && chats.length === 0 && (
          <EmptyState
            title={wanted === '' ? words.empty : words.nothing}
            text={wanted === '' ? words.emptyText : words.nothingText(wanted)}
          />
        )}
        {byDay(chats, Date.now()).map(({ day, chats: group }) => (
          <section key={day} aria-labelledby={`chat-day-${day}`}>
            <h2 id={`chat-day-${day}`} className="chat-day">
              {words.days[day]}
            </h2>
            <ul>
              {group.map((chat) => (
                <HistoryRow
                  key={chat.id}
                  chat={chat}
                  query={wanted}
                  isCurrent={chat.id === chatId}
                  isAnswering={answered.has(chat.id)}
                  {...(onGo === undefined ? {} : { onGo })}
                />
              ))}
            </ul>
          </section>
        ))}
        {hasMore && <Older onSeen={() => void list.fetchNextPage()} />}
      </nav>
    </div>
  );
}

/** Older ones come when their place is seen, or the button is pressed. */
function Older({ onSeen }: { readonly onSeen: () => void }) {
  const place = useRef<HTMLDivElement>(null);
  const latest = useRef(onSeen);
  latest.current = onSeen;
  useEffect(() => {
    const seen = new IntersectionObserver(([entry]) => {
      if (entry?.isIntersecting === true) latest.current();
    });
    if (place.current !== null) seen.observe(place.current);
    return () => seen.disconnect();
  }, []);
  return (
    <div ref={place} className="chat-older">
      <Button tone="ghost" isSmall onClick={onSeen}>
        {texts.chat.history.older}
      </Button>
    </div>
  );
}

function AllMenu() {
  const words = texts.chat.history;
  const picker = useRef<HTMLInputElement>(null);
  const [, go] = useLocation();
  const bring = async (file: File | undefined): Promise<void> => {
    if (file === undefined) return;
    let data: unknown;
    try {
      data = JSON.parse(await file.text());
    } catch {
      return toast({ tone: 'bad', title: words.notJson, text: words.notJsonHint });
    }
    try {
      const chats = await importChats(data);
      toast({ tone: 'ok', title: words.imported(chats.length) });
      const [first] = chats;
      if (first !== undefined && chats.length === 1) go(`/chat/${first.id}`);
    } catch (thrown) {
      toastError(thrown);
    }
  };
  return (
    <>
      <Menu
        trigger={
          <IconButton label={words.more}>
            <Ellipsis size={18} aria-hidden />
          </IconButton>
        }
        actions={[
          { label: words.import, icon: <Upload size={15} aria-hidden />, onSelect: () => picker.current?.click() },
          {
            label: words.exportAll,
            icon: <Download size={15} aria-hidden />,
            onSelect: () => void saveFrom('/drover/chats/export').catch(toastError),
          },
        ]}
      />
      <input
        ref={picker}
        type="file"
        hidden
        accept="application/json,.json"
        aria-label={words.import}
        onChange={(event) => {
          void bring(event.currentTarget.files?.[0]);
          event.currentTarget.value = '';
        }}
      />
    </>
  );
}
