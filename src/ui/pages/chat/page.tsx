// The page "Chat": the history at the side, the chat that is open, its model and its settings above it.
import { Bot, PanelLeft, SlidersHorizontal, SquarePen } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import { isChatModel, useModels } from '../../api/queries.ts';
import { ButtonLink, IconButton } from '../../parts/button.tsx';
import { Dialog } from '../../parts/dialog.tsx';
import { useTabTitle } from '../../parts/page-header.tsx';
import { EmptyState, ErrorState, Skeleton } from '../../parts/states.tsx';
import { toastError } from '../../parts/toast.tsx';
import { texts } from '../../texts/index.ts';
import { Announcer } from './announcer.tsx';
import { type ChatSettings, NO_SETTINGS } from './chat.ts';
import { chosenModel } from './chosen-model.ts';
import { Conversation } from './conversation.tsx';
import { keepLastModel, lastModel } from './drafts.ts';
import { History } from './history.tsx';
import { ChatMenu, titleOfChat } from './history-row.tsx';
import { ModelPicker } from './model-picker.tsx';
import { SettingsSheet } from './settings-sheet.tsx';
import { changeChat, isGone, useWholeChat, withWaiting } from './store.ts';

export function ChatPage() {
  const [location, go] = useLocation();
  const chatId = /^\/chat\/([\w-]+)$/.exec(location)?.[1] ?? null;
  const wished = new URLSearchParams(useSearch()).get('model');
  const [isHistoryOpen, setHistoryOpen] = useState(false);
  const [isSheetOpen, setSheetOpen] = useState(false);
  const [fresh, setFresh] = useState<ChatSettings>(NO_SETTINGS);
  const models = useModels();
  const query = useWholeChat(chatId);
  const whole =
    query.data === undefined || chatId === null || isGone(chatId, query.error) ? null : withWaiting(query.data);
  const settings = whole?.chat.settings ?? fresh;
  const talkers = (models.data ?? []).filter(isChatModel);
  const modelId = chosenModel(talkers, [chatId === null ? fresh.modelId : settings.modelId, wished, lastModel()]);
  const model = talkers.find(({ id }) => id === modelId) ?? null;
  const title = chatId === null ? texts.chat.newChat : whole === null ? texts.chat.title : titleOfChat(whole.chat);
  useTabTitle(title);
  // Each chat begins with settings of its own, and with the model that its link names.
  // biome-ignore lint/correctness/useExhaustiveDependencies: going elsewhere is what it is about.
  useEffect(() => setFresh(NO_SETTINGS), [chatId, wished]);

  const change = (next: ChatSettings): void => {
    if (chatId === null) setFresh(next);
    else void changeChat(chatId, { settings: next }).catch(toastError);
  };
  const choose = (id: string): void => {
    keepLastModel(id);
    change({ ...settings, modelId: id });
  };
  return (
    <div className="chat">
      <aside className="chat-side">
        <History chatId={chatId} />
      </aside>
      <div className="chat-main">
        <header className="chat-head">
          <IconButton className="chat-narrow" label={texts.chat.history.open} onClick={() => setHistoryOpen(true)}>
            <PanelLeft size={18} aria-hidden />
          </IconButton>
          <h1 className="chat-title truncate" dir="auto">
            {title}
          </h1>
          {talkers.length > 0 && <ModelPicker models={talkers} modelId={modelId} onChoose={choose} />}
          <IconButton label={texts.chat.settings.open} onClick={() => setSheetOpen(true)}>
            <SlidersHorizontal size={17} aria-hidden />
          </IconButton>
          {whole !== null && <ChatMenu chat={whole.chat} />}
          <IconButton className="chat-narrow" label={texts.chat.newChat} onClick={() => go('/chat')}>
            <SquarePen size={17} aria-hidden />
          </IconButton>
        </header>
        {chatId !== null && whole === null ? (
          query.isError ? (
            <div className="chat-missing">
              <ErrorState error={query.error} onRetry={() => void query.refetch()} isBusy={query.isFetching} />
              <ButtonLink to="/chat">{texts.chat.newChat}</ButtonLink>
            </div>
          ) : (
            <div className="chat-missing">
              <Skeleton lines={6} />
            </div>
          )
        ) : models.data !== undefined && talkers.length === 0 && whole === null ? (
          <NoModels />
        ) : models.isError && models.data === undefined ? (
          <div className="chat-missing">
            <ErrorState error={models.error} onRetry={() => void models.refetch()} />
          </div>
        ) : (
          <Conversation
            whole={whole}
            settings={settings}
            modelId={modelId}
            model={model}
            areModelsKnown={models.data !== undefined}
          />
        )}
      </div>
      <Announcer chatId={chatId} />
      {isSheetOpen && <SettingsSheet settings={settings} onChange={change} onClose={() => setSheetOpen(false)} />}
      {isHistoryOpen && (
        <Dialog isOpen shape="sheet" onClose={() => setHistoryOpen(false)} title={texts.chat.history.title}>
          <History chatId={chatId} onGo={() => setHistoryOpen(false)} />
        </Dialog>
      )}
    </div>
  );
}

function NoModels() {
  const { noModels, noModelsText, getModels } = texts.chat.start;
  return (
    <EmptyState
      icon={<Bot size={32} />}
      title={noModels}
      text={noModelsText}
      actions={
        <ButtonLink to="/get" tone="primary">
          {getModels}
        </ButtonLink>
      }
    />
  );
}
